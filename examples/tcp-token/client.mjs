// Run it with: TOKEN=secret node client.mjs [port]
import { SmartIpc } from '@push.rocks/smartipc';

const client = SmartIpc.createClient({
  id: 'clock',
  host: '127.0.0.1',
  port: Number(process.argv[2] || 9876),
  authToken: process.env.TOKEN,
  clientId: 'visitor',
});

try {
  await client.connect();
  const answer = await client.request('time', null, { timeout: 5000 });
  console.log(`it is ${answer.time} for ${answer.for}`);
} catch (error) {
  console.error(error.code === 'IPC_ERR_UNAUTHORIZED' ? 'the token is wrong' : error.message);
  process.exitCode = 1;
} finally {
  await client.disconnect();
}

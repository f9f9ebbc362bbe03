// The client of the quick start. Run it with: node client.mjs [socket path]
import { SmartIpc } from '@push.rocks/smartipc';

const client = SmartIpc.createClient({
  id: 'my-service',
  socketPath: process.argv[2] || '/tmp/my-service.sock',
  clientOnly: true,
  connectRetry: {
    enabled: true,
    maxAttempts: 10,
    totalTimeout: 5000,
  },
});

try {
  await client.connect();

  const response = await client.request(
    'greet',
    { name: 'World', message: 'Hi there!' },
    { timeout: 5000 }
  );

  console.log('Server said:', response.response); // "Hello World!"
} catch (error) {
  console.error(`The client failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await client.disconnect();
}

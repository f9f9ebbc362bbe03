// A program that is bundled, then run with the path of its socket.

import { SmartIpc } from '@push.rocks/smartipc';

const socketPath = process.argv[2];
const server = SmartIpc.createServer({ id: 'bundle', socketPath });
server.onMessage('greet', ({ name }) => ({ text: `Hello ${name}!` }));

async function main() {
  await server.start();
  const client = SmartIpc.createClient({ id: 'bundle', socketPath });
  await client.connect();
  console.log((await client.request('greet', { name: 'bundle' })).text);
  await client.disconnect();
  await server.stop();
}

main();

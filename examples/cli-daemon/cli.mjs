// Talks to the daemon. SOCKET says where it is, if not at the default. Run it with:
// node cli.mjs add milk | list | stop
import { SmartIpc } from '@push.rocks/smartipc';

const [command = 'list', ...words] = process.argv.slice(2);
const client = SmartIpc.createClient({
  id: 'shopping-list',
  socketPath: process.env.SOCKET || '/tmp/shopping-list.sock',
  // Without a daemon this is to fail, not to take its place.
  clientOnly: true,
});

const commands = {
  add: () => client.request('add', words.join(' ')),
  list: async () => console.log((await client.request('list', null)).join('\n') || 'nothing'),
  stop: () => client.request('stop', null),
};

try {
  if (!Object.hasOwn(commands, command)) throw new Error(`no such command: ${command}`);
  await client.connect();
  await commands[command]();
} catch (error) {
  const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
  console.error(absent ? 'the daemon does not run' : error.message);
  process.exitCode = 1;
} finally {
  await client.disconnect();
}

// Keeps a list, until it is told to stop. Run it with: node daemon.mjs [socket path]
import { SmartIpc } from '@push.rocks/smartipc';

const daemon = SmartIpc.createServer({
  id: 'shopping-list',
  socketPath: process.argv[2] || '/tmp/shopping-list.sock',
  // After a crash the file is still there.
  autoCleanupSocketFile: true,
});
const items = [];

daemon.onMessage('add', (item) => {
  if (items.includes(item)) throw Object.assign(new Error(`${item} is on the list already`), { code: 'TWICE' });
  items.push(item);
});
daemon.onMessage('list', () => items);
daemon.onMessage('stop', (_payload, _clientId, { peer }) => {
  console.log(`told to stop by process ${peer.pid}`);
  // Answers this request first: stop() waits for what is under way.
  void daemon.stop();
  return { items: items.length };
});

await daemon.start();
console.log('the daemon runs');

// The bus: nothing but a server, for topics need no handlers. It ends with SIGTERM or
// Ctrl+C. Run it with: node bus.mjs [socket path]
import { SmartIpc } from '@push.rocks/smartipc';

const bus = SmartIpc.createServer({
  id: 'event-bus',
  socketPath: process.argv[2] || '/tmp/event-bus.sock',
  autoCleanupSocketFile: true,
});
bus.on('clientConnect', (clientId) => console.log(`${clientId} is on the bus`));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => bus.stop());

await bus.start();
console.log('the bus runs');

// Listens to some of what is published. Run it with: node subscriber.mjs [socket path]
import { SmartIpc } from '@push.rocks/smartipc';

const client = SmartIpc.createClient({
  id: 'event-bus',
  socketPath: process.argv[2] || '/tmp/event-bus.sock',
  clientId: `subscriber-${process.pid}`,
  connectRetry: { enabled: true, totalTimeout: 10000 },
});
await client.connect();

// * is one segment: order.paid, but not order.item.added.
await client.subscribe('order.*', (order, { topic }) => console.log(`${topic}: order ${order.id}`));
// ** is any number: everything about items, however deep.
await client.subscribe('**.item.**', (item, { topic, publisherId }) => console.log(`${topic}: ${item.name} (from ${publisherId})`));
await client.subscribe('day.over', () => client.disconnect());
console.log('subscribed');

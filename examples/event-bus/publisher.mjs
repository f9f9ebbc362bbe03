// Publishes a day's events. Run it with: node publisher.mjs [socket path]
import { SmartIpc } from '@push.rocks/smartipc';

const client = SmartIpc.createClient({
  id: 'event-bus',
  socketPath: process.argv[2] || '/tmp/event-bus.sock',
  clientId: 'shop',
  connectRetry: { enabled: true, totalTimeout: 10000 },
});
await client.connect();

await client.publish('order.created', { id: 7 });
await client.publish('order.item.added', { name: 'tea' });
await client.publish('order.paid', { id: 7 });
await client.publish('stock.item.tea.low', { name: 'tea' });
await client.publish('visitor.left', {}); // nobody listens, and that is fine
await client.publish('day.over', {});
// Lets what is queued leave first.
await client.disconnect();
console.log('published');

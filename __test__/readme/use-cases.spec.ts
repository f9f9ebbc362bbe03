import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, recorder, startChild, tempSocket } from '../support/helpers.cjs';

test('microservices: two services behind one gateway', async (t) => {
  const socketPath = tempSocket(t, 'gateway.sock');
  const gateway = closeAfter(t, SmartIpc.createServer({ id: 'front-door', socketPath }));
  const stockService = closeAfter(
    t,
    SmartIpc.createClient({ id: 'front-door', socketPath, clientId: 'stock-service' }),
  );
  const priceService = closeAfter(
    t,
    SmartIpc.createClient({ id: 'front-door', socketPath, clientId: 'price-service' }),
  );
  stockService.onMessage('lookup', ({ article }) => ({ article, inStock: 12 }));
  priceService.onMessage('lookup', async ({ article }) => ({ article, cents: 1999 }));
  gateway.onMessage('offer', async ({ article }, clientId) => {
    const [stock, price] = await Promise.all([
      gateway.requestClient('stock-service', 'lookup', { article }),
      gateway.requestClient('price-service', 'lookup', { article }),
    ]);
    return { for: clientId, ...stock, ...price };
  });
  await gateway.start();
  await Promise.all([stockService.connect(), priceService.connect()]);
  t.deepEqual([...gateway.getClientIds()].sort(), ['price-service', 'stock-service']);

  const shopper = closeAfter(t, SmartIpc.createClient({ id: 'front-door', socketPath, clientId: 'shopper' }));
  await shopper.connect();

  t.deepEqual(await shopper.request('offer', { article: 'kettle' }), {
    for: 'shopper',
    article: 'kettle',
    inStock: 12,
    cents: 1999,
  });
});

test('workers: processes that send their results without connecting first', async (t) => {
  const socketPath = tempSocket(t, 'workers.sock');
  const server = closeAfter(t, SmartIpc.createServer({ id: 'foreman', socketPath }));
  const done = recorder();
  server.onMessage('job-done', (result, workerId) => {
    done(result, workerId);
  });
  await server.start();

  const first = startChild(t, 'job-worker', { socketPath, jobId: 'a', numbers: [1, 2, 3] });
  const second = startChild(t, 'job-worker', { socketPath, jobId: 'b', numbers: [10, 20] });
  const results = [...(await done.until(2))].sort(([a], [b]) => a.jobId.localeCompare(b.jobId));

  t.deepEqual(results, [
    [{ jobId: 'a', total: 6 }, `worker-${first.pid}`],
    [{ jobId: 'b', total: 30 }, `worker-${second.pid}`],
  ]);
  t.is((await first.exited()).code, 0);
  t.is((await second.exited()).code, 0);
});

test('event bus: services that subscribe without connecting first', async (t) => {
  const socketPath = tempSocket(t, 'bus.sock');
  const bus = closeAfter(t, SmartIpc.createServer({ id: 'bus', socketPath }));
  await bus.start();

  const statistics = closeAfter(t, SmartIpc.createClient({ id: 'bus', socketPath }));
  const counted = recorder();
  await statistics.subscribe('order.*', (event) => {
    counted(event);
  });
  t.true(statistics.getIsConnected());

  const shop = closeAfter(t, SmartIpc.createClient({ id: 'bus', socketPath }));
  await shop.publish('order.placed', { order: 1 });
  await shop.publish('invoice.sent', { order: 1 });
  await shop.publish('order.paid', { order: 1 });

  t.deepEqual(await counted.until(2), [[{ order: 1 }], [{ order: 1 }]]);
});

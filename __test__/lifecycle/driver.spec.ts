import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, startChild, tempSocket } from '../support/helpers.cjs';

// A driver that silently isn't there would leave its suites to the other one.
const OWN = process.platform === 'win32' ? 'tokio' : 'loop';
const wanted = process.env.SMARTIPC_DRIVER || OWN;

function start(t: any, config: object, env: Record<string, string>) {
  return startChild(t, 'driver', { socketPath: tempSocket(t), ...config }, { env: { SMARTIPC_DRIVER: '', ...env } });
}

test('these tests run on the driver that was asked for', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'driver', socketPath }));
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'driver', socketPath, clientOnly: true }));
  await client.connect();
  t.is(server.getStats().driver, wanted);
  t.is(client.getStats().driver, wanted);
});

test('the event loop is the default where there is one', async (t) => {
  t.deepEqual(await start(t, {}, {}).report('served'), {
    event: 'served',
    answer: 'hello',
    server: OWN,
    client: OWN,
  });
});

test('SMARTIPC_DRIVER=tokio asks for the other one', async (t) => {
  t.like(await start(t, {}, { SMARTIPC_DRIVER: 'tokio' }).report('served'), { server: 'tokio', client: 'tokio' });
});

for (const pretend of ['bun', 'deno']) {
  test(`${pretend} gets tokio, whose event loop is not Node's`, async (t) => {
    t.like(await start(t, { pretend }, {}).report('served'), { server: 'tokio', client: 'tokio' });
  });

  test(`asking for the event loop of ${pretend} fails loudly`, async (t) => {
    const failed = await start(t, { pretend }, { SMARTIPC_DRIVER: 'loop' }).report('failed');
    t.is(failed.name, 'RangeError');
    t.regex(failed.message, /SMARTIPC_DRIVER must be tokio here, not 'loop'/);
  });
}

test('a driver that nobody knows fails loudly', async (t) => {
  const failed = await start(t, {}, { SMARTIPC_DRIVER: 'epoll' }).report('failed');
  t.is(failed.name, 'RangeError');
  t.regex(failed.message, /not 'epoll'/);
});

test('a flood leaves other events their turn', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'driver', socketPath }));
  let handled = 0;
  server.onMessage('drop', () => {
    handled++;
    const until = process.hrtime.bigint() + 100_000n;
    while (process.hrtime.bigint() < until);
  });
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'driver', socketPath, clientOnly: true }));
  await client.connect();

  // 200 ms of handlers, most of which could run at once.
  const MESSAGES = 2000;
  const sent = Array.from({ length: MESSAGES }, (_, n) => client.sendMessage('drop', n));
  let turns = 0;
  while (handled < MESSAGES) {
    await new Promise((resolve) => setImmediate(resolve));
    if (handled > 0) turns++;
  }
  await Promise.all(sent);
  t.true(turns >= 10, `${turns} turns of the event loop`);
});

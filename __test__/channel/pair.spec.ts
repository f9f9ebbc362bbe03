import fs from 'fs';
import test from 'ava';
import { IpcChannel, IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, freePort, once, recorder, staleSocket, tempSocket } from '../support/helpers.cjs';

const newEnd = (t: any, options: any): any => closeAfter(t, SmartIpc.createChannel({ id: 'pair', ...options }));

/** Two ends that have found each other: the listening one first. */
async function pair(t: any, options: any = { socketPath: tempSocket(t) }) {
  const [first, second] = [newEnd(t, options), newEnd(t, options)];
  await first.connect();
  const found = once(first, 'connect');
  await second.connect();
  await found;
  return { first, second };
}

const everywhere: [string, (t: any) => Promise<any>][] = [
  ['a socket path', async (t) => ({ socketPath: tempSocket(t) })],
  ['TCP', async () => ({ host: '127.0.0.1', port: await freePort() })],
];
for (const [where, options] of everywhere) {
  test(`over ${where} the first listens, the second connects, and both ask`, async (t) => {
    const address = await options(t);
    const [first, second] = [newEnd(t, address), newEnd(t, address)];
    t.true(first instanceof IpcChannel);
    const hosting = recorder();
    first.on('hosting', () => hosting('first'));
    second.on('hosting', () => hosting('second'));
    for (const [name, end] of [['first', first], ['second', second]]) end.on('who', (asker: any) => `${asker} asks ${name}`);

    await first.connect();
    t.false(first.isConnected());
    const found = once(first, 'connect');
    await second.connect();
    await found;

    t.true(first.isConnected() && second.isConnected());
    t.is(await first.request('who', 'first'), 'first asks second');
    t.is(await second.request('who', 'second'), 'second asks first');
    t.deepEqual(hosting.calls, [['first']]);
  });
}

test('two that start at once always find each other', async (t) => {
  const socketPath = tempSocket(t);
  for (let round = 0; round < 30; round++) {
    const ends = [0, 1].map(() => SmartIpc.createChannel({ id: 'pair', socketPath }));
    let hosts = 0;
    for (const end of ends) end.on('hosting', () => hosts++);
    const connected = ends.map((end) => once(end, 'connect'));
    await Promise.all(ends.map((end) => end.connect()));
    await Promise.all(connected);
    t.is(hosts, 1);
    await Promise.all(ends.map((end) => end.disconnect()));
    t.false(fs.existsSync(socketPath));
  }
});

test('one-way messages and headers go both ways, in order', async (t) => {
  const { first, second } = await pair(t);
  for (const [from, to] of [[first, second], [second, first]]) {
    const seen = recorder();
    to.onMessage('note', (payload: any, context: any) => seen(payload, context.headers));
    for (let index = 0; index < 100; index++) await from.sendMessage('note', index, { index });
    t.deepEqual(await seen.until(100), Array.from({ length: 100 }, (_, index) => [index, { index }]));
    to.offMessage('note');
  }
});

test('a third is refused, and the two are not disturbed', async (t) => {
  const socketPath = tempSocket(t);
  const { first, second } = await pair(t, { socketPath });
  second.on('echo', (payload: any) => payload);
  const third = newEnd(t, { socketPath });

  const error = await failure(() => third.connect());

  t.true(error instanceof IpcError);
  t.is(error.code, 'IPC_ERR_MAX_CONNECTIONS');
  t.is(error.message, 'Failed to register: the channel has both its ends already');
  t.false(third.isConnected());
  t.is(await first.request('echo', 1), 1);

  // A place is free once one has left.
  await second.disconnect();
  await third.connect();
  t.true(third.isConnected());
});

test('a second connect() joins the first, one while open is harmless', async (t) => {
  const socketPath = tempSocket(t);
  const end = newEnd(t, { socketPath });
  const ready = recorder();
  end.on('ready', ready);
  await Promise.all([end.connect(), end.connect()]);
  await end.connect();
  t.is(ready.calls.length, 1);
});

test('of connect() and disconnect() the last one wins', async (t) => {
  const socketPath = tempSocket(t);
  const end = newEnd(t, { socketPath });
  const given = failure(() => end.connect());
  const left = end.disconnect();
  const again = end.connect();
  t.is((await given).code, 'IPC_ERR_DISCONNECTED');
  await left;
  await again;
  const other = newEnd(t, { socketPath });
  other.on('echo', (payload: any) => payload);
  await other.connect();
  t.is(await end.request('echo', 1), 1);
});

test('with clientOnly it only connects', async (t) => {
  const socketPath = tempSocket(t);
  const modest = newEnd(t, { socketPath, clientOnly: true });
  const error = await failure(() => modest.connect());
  t.is(error.message, 'Server not available (ENOENT); clientOnly prevents auto-start');
  t.is(error.code, 'ENOENT');
  t.false(fs.existsSync(socketPath));

  const waiting = modest.connect({ waitForReady: true });
  const other = newEnd(t, { socketPath });
  other.on('echo', (payload: any) => payload);
  await other.connect();
  await waiting;
  t.is(await modest.request('echo', 'hello'), 'hello');
});

test('what dead programs leave at the path does not keep it from listening', async (t) => {
  const socketPath = tempSocket(t);
  await staleSocket(t, socketPath);
  const { first, second } = await pair(t, { socketPath });
  second.on('echo', (payload: any) => payload);
  t.is(await first.request('echo', 1), 1);
});

test('a hub gives way to a channel', async (t) => {
  const socketPath = tempSocket(t);
  const client = closeAfter(t, SmartIpc.createClient({ id: 'pair', socketPath, autoReconnect: false }));
  await client.connect();
  const { first, second } = await pair(t, { socketPath });
  second.on('echo', (payload: any) => payload);
  t.is(await first.request('echo', 1), 1);
});

test('options are checked in the constructor', (t) => {
  t.throws(() => SmartIpc.createChannel({} as any), { instanceOf: TypeError, message: /id/ });
  t.throws(() => SmartIpc.createChannel({ id: 'pair', autoReconnect: 'yes' } as any), { message: /autoReconnect/ });
  t.throws(() => SmartIpc.createChannel({ id: 'pair', reconnectMultiplier: 0.5 }), { message: /reconnectMultiplier/ });
  t.throws(() => SmartIpc.createChannel({ id: 'pair', socketMode: 0o1777 } as any), { message: /socketMode/ });
});

test('the metrics are those of whichever end is in use', async (t) => {
  const { first, second } = await pair(t);
  first.on('echo', (payload: any) => payload);
  await second.request('echo', 'hello');
  for (const end of [first, second]) {
    const metrics = end.getMetrics();
    t.is(metrics.messagesSent, 1);
    t.is(metrics.messagesReceived, 1);
    t.true(metrics.bytesSent > 0 && metrics.bytesReceived > 0);
    t.true(Math.abs(Date.now() - metrics.connectedAt) < 60_000);
    t.is(metrics.reconnects, 0);
  }
});

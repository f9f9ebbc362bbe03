// Calls that are made the moment another one has failed, or been taken back.
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, recorder, tempSocket, within } from '../support/helpers.cjs';

const newClient = (t: any, socketPath: string, options: object = {}): any =>
  closeAfter(t, SmartIpc.createClient({ id: 'at-once', socketPath, clientOnly: true, ...options }));
const newChannel = (t: any, socketPath: string, options: object = {}): any =>
  closeAfter(t, SmartIpc.createChannel({ id: 'at-once', socketPath, ...options }));

async function newServer(t: any, socketPath: string) {
  const server: any = closeAfter(t, SmartIpc.createServer({ id: 'at-once', socketPath }));
  server.onMessage('echo', (payload: any) => payload);
  await server.start();
  return server;
}

const calls: [string, (client: any) => Promise<any>][] = [
  ['a message', (client) => client.sendMessage('x', 1)],
  ['a request', (client) => client.request('x', 1)],
  ['a subscription', (client) => client.subscribe('x', () => {})],
  ['a stream', (client) => client.sendStream(['x'])],
];
for (const [first, one] of calls) {
  for (const [second, other] of calls) {
    test(`${second}, when ${first} has failed to connect, tries again and fails too`, async (t) => {
      const client = newClient(t, tempSocket(t));
      // In the very microtask in which the failure is heard of.
      const again = one(client).catch(() => other(client));
      t.is((await within(failure(() => again), second)).code, 'ENOENT');
      const awaited = async () => {
        try {
          await one(client);
        } catch {
          await other(client);
        }
      };
      t.is((await within(failure(awaited), second)).code, 'ENOENT');
    });
  }
}

test('connect(), when a call has failed to connect, is an attempt of its own', async (t) => {
  const client = newClient(t, tempSocket(t), { clientOnly: false });
  const hosting = recorder();
  client.on('hosting', hosting);
  const again = client.request('x').catch(() => client.connect({ waitForReady: true, waitTimeout: 50 }));
  t.is((await within(failure(() => again), 'connect()')).code, 'IPC_ERR_SERVER_NOT_READY');
  t.is(hosting.calls.length, 0);
});

test('disconnect() ends what connect() has begun when a call had failed', async (t) => {
  const socketPath = tempSocket(t);
  const client = newClient(t, socketPath);
  const [connecting, left] = await client.request('x').catch(() => [failure(() => client.connect({ waitForReady: true })), client.disconnect()]);
  await within(left, 'disconnect()');
  t.is((await within(connecting, 'connect()')).code, 'IPC_ERR_DISCONNECTED');
  t.false(client.getIsConnected());
});

test('a call of a channel, when another has failed to open it, fails too', async (t) => {
  const channel = newChannel(t, tempSocket(t), { clientOnly: true });
  const again = channel.sendMessage('x', 1).catch(() => channel.sendMessage('x', 2));
  t.is((await within(failure(() => again), 'the second')).code, 'ENOENT');
});

test('of disconnect(), connect() and disconnect() of a channel the last one wins', async (t) => {
  const socketPath = tempSocket(t);
  const channel = newChannel(t, socketPath);
  await channel.connect();
  const left = channel.disconnect();
  const back = failure(() => channel.connect());
  const leftAgain = channel.disconnect();
  t.is((await within(back, 'connect()')).code, 'IPC_ERR_DISCONNECTED');
  await Promise.all([left, leftAgain]);
  t.is((await failure(() => channel.request('x'))).code, 'IPC_ERR_DISCONNECTED');
  // Nobody listens there.
  t.is((await failure(() => newClient(t, socketPath).connect())).code, 'ENOENT');
});

test('a topic that was given up while nobody was connected is not subscribed to again', async (t) => {
  const socketPath = tempSocket(t);
  const server = await newServer(t, socketPath);
  const client = newClient(t, socketPath);
  await client.subscribe('news', () => {});
  await client.disconnect();
  await client.unsubscribe('news');
  await client.connect();
  const before = client.getStats().metrics.messagesReceived;
  await server.publish('news', 1);
  await client.request('echo', 1);
  t.is(client.getStats().metrics.messagesReceived - before, 1, 'the answer alone');
});

test('handlers whose subscription failed hear nothing later', async (t) => {
  const socketPath = tempSocket(t);
  const client = newClient(t, socketPath);
  const heard = [recorder(), recorder()];
  const results = await Promise.allSettled(heard.map((handler) => client.subscribe('news', handler)));
  t.deepEqual(results.map(({ status }) => status), ['rejected', 'rejected']);
  const server = await newServer(t, socketPath);
  await client.connect();
  await server.publish('news', 1);
  await client.request('echo', 1);
  t.deepEqual(heard.map(({ calls }) => calls.length), [0, 0]);
});

for (const [what, options, payload, change, read] of [
  ['a Buffer', {}, Buffer.from('untouched'), (it: any) => it.fill(0), (it: any) => it.toString()],
  ['a Buffer in an object', { serialization: 'advanced' }, { inside: Buffer.from('untouched') }, (it: any) => it.inside.fill(0), (it: any) => Buffer.from(it.inside).toString()],
] as const) {
  test(`each handler of a topic gets ${what} of its own`, async (t) => {
    const socketPath = tempSocket(t);
    const server: any = closeAfter(t, SmartIpc.createServer({ id: 'at-once', socketPath, ...options } as any));
    await server.start();
    const client = newClient(t, socketPath, options);
    const heard = recorder();
    await client.subscribe('news', (payload: any) => change(payload));
    await client.subscribe('**', (payload: any) => heard(read(payload)));
    await server.publish('news', payload);
    await heard.until(1);
    t.is(heard.calls[0][0], 'untouched');
  });
}

test('what is no Error is warned of when nobody listens', async (t) => {
  const socketPath = tempSocket(t);
  const server = await newServer(t, socketPath);
  server.on('stream', (_info: any, readable: any) => readable.resume());
  const client = newClient(t, socketPath);
  await client.connect();
  const warned = recorder();
  process.on('warning', warned);
  t.teardown(() => process.off('warning', warned));
  for (const reason of [{ status: 500 }, null]) {
    client.sendStream(
      new ReadableStream({
        start(controller) {
          controller.error(reason);
        },
      }),
    );
  }
  await warned.until(2);
  t.deepEqual(warned.calls.map(([{ message }]) => message).sort(), ['null', '{ status: 500 }']);
});

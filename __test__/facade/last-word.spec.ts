import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

async function pair(t: any, serverOptions: object = {}, clientOptions: object = {}) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'last', socketPath, ...serverOptions }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'last', socketPath, clientId: 'one', ...clientOptions }));
  client.on('error', () => {});
  await client.connect();
  return { socketPath, server, client };
}

test('the last of starts and stops wins', async (t) => {
  const server = closeAfter(t, SmartIpc.createServer({ id: 'last', socketPath: tempSocket(t) }));
  server.start();
  server.stop();
  await server.start();
  t.true(server.getIsReady());
  server.stop();
  await server.start();
  t.true(server.getIsReady());
  server.start();
  await server.stop();
  t.false(server.getIsReady());
});

test('the last of connects and disconnects wins', async (t) => {
  const { client } = await pair(t);
  client.disconnect();
  const superseded = failure(() => client.connect());
  await client.disconnect();
  t.is((await superseded).code, 'IPC_ERR_DISCONNECTED');
  t.false(client.getIsConnected());
  client.disconnect();
  await client.connect();
  t.true(client.getIsConnected());
  t.is(await client.request('echo', 1), 1);
});

test('a server that dies while its client says goodbye is not looked for again', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'server', { server: { id: 'last', socketPath } });
  await child.report('ready');
  const client = SmartIpc.createClient({ id: 'last', socketPath, reconnectDelay: 5 });
  const attempts = recorder();
  client.on('reconnecting', attempts);
  client.on('error', () => {});
  await client.connect();
  const pending = failure(() => client.request('hang', 1));
  await child.report('hanging');
  const gone = once(client, 'disconnect');
  const left = client.disconnect();
  child.kill('SIGKILL');
  await Promise.all([gone, left, pending]);
  t.deepEqual(attempts.calls, []);
});

test('connect() in a disconnect listener is not swallowed by the loss', async (t) => {
  const { server, client } = await pair(t);
  for (let round = 0; round < 50; round++) {
    const again = new Promise((resolve, reject) => {
      client.once('disconnect', () => client.connect().then(resolve, reject));
    });
    await server.disconnectClient('one');
    await t.notThrowsAsync(again, `round ${round}`);
  }
});

test('credit reaches the peer although every handler is asynchronous', async (t) => {
  const { server, client } = await pair(t, { heartbeat: false }, { heartbeat: false });
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  server.onMessage('hold', () => held);
  server.onMessage('release', () => release());
  // Together more than the window of bytes, so that the last one waits for credit.
  const bulk = 'x'.repeat(4_200_000);
  const calls = [client.request('hold', bulk), client.request('hold', bulk), client.sendMessage('release', bulk)];
  await t.notThrowsAsync(Promise.all(calls));
});

test('a listener whose result can not be waited for harms nobody else', async (t) => {
  const { server, client } = await pair(t);
  const errors = recorder();
  server.on('error', (error) => errors((error as Error).message));
  server.onMessage('odd', () => ({
    get then() {
      throw new Error('no then');
    },
  }));
  await client.sendMessage('odd', 1);
  t.is(await client.request('echo', 'still here'), 'still here');
  t.deepEqual(await errors.until(1), [['no then']]);
});

test('stop() in a one-way handler does not wait for that handler', async (t) => {
  const { server, client } = await pair(t);
  const stopped = new Promise<number>((resolve) => {
    server.onMessage('shutdown', async () => {
      const start = Date.now();
      await server.stop();
      resolve(Date.now() - start);
    });
  });
  const gone = once(client, 'disconnect');
  await client.sendMessage('shutdown', 1);
  // Far below the five seconds that other work would be given.
  t.true((await stopped) < 4000);
  await gone;
});

test('Infinity is no time limit', async (t) => {
  const { socketPath, client, server } = await pair(t, {}, { timeout: Infinity });
  const heard = recorder();
  await client.subscribe('news', (data) => heard(data));
  await server.publish('news', 1);
  t.deepEqual(await heard.until(1), [[1]]);
  await SmartIpc.waitForServer({ socketPath, timeoutMs: Infinity });
  const other = closeAfter(t, SmartIpc.createClient({ id: 'last', socketPath, clientId: 'two' }));
  await other.connect({ waitForReady: true, waitTimeout: Infinity });
  t.true(other.getIsConnected());
});

test('a payload that sends while it is written keeps its own type and encoding', async (t) => {
  const { server, client } = await pair(t, {}, { serialization: 'advanced' });
  const heard = recorder();
  server.onMessage('outer', (payload) => heard('outer', payload));
  server.onMessage('inner', (payload) => heard('inner', payload));
  const payload = {
    get value() {
      client.sendMessage('inner', Buffer.from('in'));
      return 'out';
    },
  };
  await client.sendMessage('outer', payload);
  t.deepEqual(await heard.until(2), [
    ['inner', Buffer.from('in')],
    ['outer', { value: 'out' }],
  ]);
});

test('many clients at once are let in without waiting for each other', async (t) => {
  const { socketPath } = await pair(t);
  const clients = Array.from({ length: 200 }, (_, index) =>
    SmartIpc.createClient({ id: 'last', socketPath, clientId: `crowd-${index}` }),
  );
  const start = Date.now();
  await Promise.all(clients.map((client) => client.connect()));
  // It took three seconds when each 64 waited for a clock.
  t.true(Date.now() - start < 2500);
  await Promise.all(clients.map((client) => client.disconnect()));
});

test('metadata that is too long is refused', async (t) => {
  const { socketPath } = await pair(t);
  const client = SmartIpc.createClient({ id: 'last', socketPath, clientId: 'talker', metadata: { text: 'x'.repeat(70_000) } });
  t.regex((await failure(() => client.connect())).message, /Failed to register.*metadata/);
});

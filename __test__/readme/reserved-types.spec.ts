import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, tempSocket } from '../support/helpers.cjs';

const RESERVED = ['__register__', '__heartbeat__', '__my_own__', 'topic:user.login', 'topic:'];

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'reserve', socketPath }));
  server.onMessage('__half', () => 'allowed');
  server.onMessage('topics', () => 'allowed');
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'reserve', socketPath, clientId: 'sender' }));
  await client.connect();
  return { server, client };
}

for (const type of RESERVED) {
  test(`sending ${type} is a TypeError`, async (t) => {
    const { server, client } = await pair(t);
    const calls = {
      'client.sendMessage': () => client.sendMessage(type, {}),
      'client.request': () => client.request(type, {}),
      'server.sendToClient': () => server.sendToClient('sender', type, {}),
      'server.requestClient': () => server.requestClient('sender', type, {}),
      'server.broadcast': () => server.broadcast(type, {}),
      'server.broadcastTo': () => server.broadcastTo(['sender'], type, {}),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = await failure(call);
      t.true(error instanceof TypeError, `${name}: ${error}`);
    }
    t.is(await client.request('topics', {}), 'allowed');
  });
}

test('names that only look like reserved ones are free', async (t) => {
  const { client } = await pair(t);
  t.is(await client.request('__half', {}), 'allowed');
  t.is(await client.request('topics', {}), 'allowed');
});

test('a type that is no text is a TypeError', async (t) => {
  const { server, client } = await pair(t);
  for (const type of [undefined, null, 5, {}, ['topics']] as any[]) {
    t.true((await failure(() => client.sendMessage(type, {}))) instanceof TypeError, String(type));
    t.true((await failure(() => client.request(type, {}))) instanceof TypeError, String(type));
    t.true((await failure(() => server.broadcast(type, {}))) instanceof TypeError, String(type));
    t.throws(() => server.onMessage(type, () => {}), { instanceOf: TypeError }, String(type));
  }
});

test('names of object members are ordinary types', async (t) => {
  const { server, client } = await pair(t);
  for (const type of ['constructor', 'toString', 'hasOwnProperty', '__proto', 'error', 'ready']) {
    t.is(
      (await failure(() => client.request(type, {}))).message,
      `No handler registered for message type: ${type}`,
    );
    server.onMessage(type, (payload) => [type, payload]);
    t.deepEqual(await client.request(type, 1), [type, 1]);
  }
});

test('a handler that is no function is a TypeError', async (t) => {
  const { server, client } = await pair(t);
  t.throws(() => server.onMessage('x', 'nothing' as any), { instanceOf: TypeError });
  t.throws(() => client.onMessage('x', undefined as any), { instanceOf: TypeError });
  t.true((await failure(() => client.subscribe('x', null as any))) instanceof TypeError);
});

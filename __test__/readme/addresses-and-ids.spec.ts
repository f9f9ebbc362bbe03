import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, tempSocket } from '../support/helpers.cjs';

test('getClientIds() lists who is connected', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'register', socketPath }));
  await server.start();
  t.deepEqual(server.getClientIds(), []);

  const first = closeAfter(t, SmartIpc.createClient({ id: 'register', socketPath, clientId: 'first' }));
  const second = closeAfter(t, SmartIpc.createClient({ id: 'register', socketPath, clientId: 'second' }));
  await first.connect();
  await second.connect();
  t.deepEqual([...server.getClientIds()].sort(), ['first', 'second']);

  const left = once(server, 'clientDisconnect');
  await first.disconnect();
  await left;
  t.deepEqual(server.getClientIds(), ['second']);
});

test('clientId is known before connecting and cannot be changed', async (t) => {
  const socketPath = tempSocket(t);
  const named = SmartIpc.createClient({ id: 'register', socketPath, clientId: 'named' });
  t.is(named.getClientId(), 'named');
  t.is(named.clientId, 'named');
  t.throws(() => {
    (named as any).clientId = 'renamed';
  });
  t.is(named.clientId, 'named');

  const unnamed = SmartIpc.createClient({ id: 'register', socketPath });
  t.is(unnamed.getClientId(), unnamed.clientId);
  t.regex(unnamed.clientId, /^[0-9a-f-]{36}$/);
});

test('address() of a server on a socket path', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'register', socketPath }));
  t.falsy(server.address());

  await server.start();
  t.is(server.address(), socketPath);

  await server.stop();
  t.falsy(server.address());
});

test('address() of a TCP server tells the port the system chose', async (t) => {
  const server = closeAfter(t, SmartIpc.createServer({ id: 'register', host: '127.0.0.1', port: 0 }));
  server.onMessage('echo', (payload) => payload);
  await server.start();

  const { address, port, family } = server.address() as any;
  t.is(address, '127.0.0.1');
  t.is(family, 'IPv4');
  t.true(port > 0 && port < 65536);

  const client = closeAfter(t, SmartIpc.createClient({ id: 'register', host: '127.0.0.1', port }));
  await client.connect();
  t.is(await client.request('echo', 'found'), 'found');
});

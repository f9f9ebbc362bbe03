import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

async function newServer(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'bouncer', socketPath }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  return { socketPath, server };
}

test('disconnectClient closes one connection and tells the client why', async (t) => {
  const { socketPath, server } = await newServer(t);
  const guest = closeAfter(t, SmartIpc.createClient({ id: 'bouncer', socketPath, clientId: 'guest' }));
  const friend = closeAfter(t, SmartIpc.createClient({ id: 'bouncer', socketPath, clientId: 'friend' }));
  guest.on('error', () => {});
  await Promise.all([guest.connect(), friend.connect()]);

  const told = once(guest, 'disconnect');
  const noted = once(server, 'clientDisconnect');
  await server.disconnectClient('guest', 'closing time');

  t.deepEqual(await told, ['kicked', 'closing time']);
  const [clientId, serverReason] = await noted;
  t.is(clientId, 'guest');
  t.is(typeof serverReason, 'string');
  t.false(guest.getIsConnected());
  t.deepEqual(server.getClientIds(), ['friend']);
  t.is(await friend.request('echo', 'still in'), 'still in');
});

test('a reason is optional', async (t) => {
  const { socketPath, server } = await newServer(t);
  const guest = closeAfter(t, SmartIpc.createClient({ id: 'bouncer', socketPath, clientId: 'guest' }));
  guest.on('error', () => {});
  await guest.connect();

  const told = once(guest, 'disconnect');
  await server.disconnectClient('guest');
  const [reason] = await told;
  t.is(typeof reason, 'string');
  t.not(reason, '');
});

test('a client that was disconnected does not come back', async (t) => {
  const { socketPath, server } = await newServer(t);
  const child = startChild(t, 'client', {
    client: { id: 'bouncer', socketPath, clientId: 'guest', reconnectDelay: 10 },
  });
  await child.report('connected');
  const connects = recorder();
  server.on('clientConnect', connects);

  await server.disconnectClient('guest', 'closing time');

  // Nothing is left to wait for, so its process ends by itself.
  const { code, stdout } = await child.exited();
  t.is(code, 0);
  t.regex(stdout, /closing time/);
  t.notRegex(stdout, /reconnecting/);
  t.deepEqual(connects.calls, []);
});

test('what was sent before arrives before the end', async (t) => {
  const { socketPath, server } = await newServer(t);
  const guest = closeAfter(t, SmartIpc.createClient({ id: 'bouncer', socketPath, clientId: 'guest' }));
  guest.on('error', () => {});
  const heard = recorder();
  guest.onMessage('word', (payload) => heard(payload));
  await guest.connect();
  const told = once(guest, 'disconnect');

  for (let word = 0; word < 100; word++) server.sendToClient('guest', 'word', word);
  await server.disconnectClient('guest', 'closing time');
  await told;

  t.deepEqual(heard.calls, Array.from({ length: 100 }, (_, word) => [word]));
});

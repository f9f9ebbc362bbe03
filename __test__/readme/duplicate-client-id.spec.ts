import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

async function newServer(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'twins', socketPath, heartbeat: false }));
  server.onMessage('whose', (_payload, clientId) => clientId);
  await server.start();
  return { socketPath, server };
}

test('a newcomer with the id of a living client is refused', async (t) => {
  const { socketPath, server } = await newServer(t);
  const first = closeAfter(t, SmartIpc.createClient({ id: 'twins', socketPath, clientId: 'romulus' }));
  const lost = recorder();
  first.on('disconnect', lost);
  await first.connect();

  const second = closeAfter(
    t,
    SmartIpc.createClient({ id: 'twins', socketPath, clientId: 'romulus', clientOnly: true }),
  );
  const error = await failure(() => second.connect());

  t.true(error instanceof IpcError);
  t.regex(error.message, /Failed to register/);
  t.regex(error.message, /romulus/);
  t.false(second.getIsConnected());
  t.is(await first.request('whose', {}), 'romulus');
  t.deepEqual(lost.calls, []);
  t.deepEqual(server.getClientIds(), ['romulus']);
});

test('the same holds between processes', async (t) => {
  const { socketPath, server } = await newServer(t);
  const child = startChild(t, 'client', { client: { id: 'twins', socketPath, clientId: 'remus', heartbeat: false } });
  await child.report('connected');

  const second = closeAfter(t, SmartIpc.createClient({ id: 'twins', socketPath, clientId: 'remus', clientOnly: true }));
  const error = await failure(() => second.connect());

  t.regex(error.message, /Failed to register/);
  t.is(await server.requestClient('remus', 'echo', 'still me'), 'still me');
});

test('a newcomer replaces a client that does not answer', async (t) => {
  const { socketPath, server } = await newServer(t);
  server.on('error', () => {});
  const child = startChild(t, 'client', {
    client: { id: 'twins', socketPath, clientId: 'sleeper', heartbeat: false, reconnectDelay: 20 },
  });
  await child.report('connected');
  child.kill('SIGSTOP');

  const replaced = once(server, 'clientDisconnect', { where: (clientId) => clientId === 'sleeper' });
  const second = closeAfter(t, SmartIpc.createClient({ id: 'twins', socketPath, clientId: 'sleeper' }));
  await second.connect();

  t.is((await replaced)[1], 'replaced');
  t.is(await second.request('whose', {}), 'sleeper');
  t.deepEqual(server.getClientIds(), ['sleeper']);

  child.kill('SIGCONT');
  t.is((await child.report('disconnect')).reason, 'replaced');
  // A replaced client does not come back, so nothing holds its process.
  t.is((await child.exited()).code, 0);
  t.is(await second.request('whose', {}), 'sleeper');
});

test('an id is free again when its client has left', async (t) => {
  const { socketPath, server } = await newServer(t);
  const first = closeAfter(t, SmartIpc.createClient({ id: 'twins', socketPath, clientId: 'heir' }));
  await first.connect();
  const left = once(server, 'clientDisconnect');
  await first.disconnect();
  await left;

  const second = closeAfter(t, SmartIpc.createClient({ id: 'twins', socketPath, clientId: 'heir' }));
  await second.connect();
  t.is(await second.request('whose', {}), 'heir');
});

test('clients without an id get different ones', async (t) => {
  const { socketPath, server } = await newServer(t);
  const clients = Array.from({ length: 5 }, () =>
    closeAfter(t, SmartIpc.createClient({ id: 'twins', socketPath })),
  );
  await Promise.all(clients.map((client) => client.connect()));

  const ids = clients.map((client) => client.getClientId());
  t.is(new Set(ids).size, 5);
  for (const id of ids) t.regex(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  t.deepEqual([...server.getClientIds()].sort(), [...ids].sort());
});

import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

test('start, ready and stop', async (t) => {
  const server = closeAfter(t, SmartIpc.createServer({ id: 'diary', socketPath: tempSocket(t) }));
  const events: string[] = [];
  server.on('start', () => events.push('start'));
  server.on('ready', () => events.push('ready'));
  server.on('stop', () => events.push('stop'));
  const ready = once(server, 'ready');

  await server.start({ readyWhen: 'accepting' });
  await ready;
  t.deepEqual([...events].sort(), ['ready', 'start']);

  const stopped = once(server, 'stop');
  await server.stop();
  await stopped;
  t.deepEqual(events.slice(2), ['stop']);
});

test('clientConnect with the metadata of the client', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'diary', socketPath }));
  const arrived = recorder();
  server.on('clientConnect', (clientId, metadata) => arrived(clientId, metadata));
  await server.start();

  const named = closeAfter(
    t,
    SmartIpc.createClient({ id: 'diary', socketPath, clientId: 'named', metadata: { version: '1.2', tags: ['a'] } }),
  );
  await named.connect();
  const unnamed = closeAfter(t, SmartIpc.createClient({ id: 'diary', socketPath }));
  await unnamed.connect();

  const calls = await arrived.until(2);
  t.deepEqual(calls[0], ['named', { version: '1.2', tags: ['a'] }]);
  t.is(calls[1][0], unnamed.getClientId());
});

test('a client in clientConnect can be written to at once', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'diary', socketPath }));
  server.on('clientConnect', (clientId) => server.sendToClient(clientId, 'welcome', { to: clientId }));
  await server.start();

  const client = closeAfter(t, SmartIpc.createClient({ id: 'diary', socketPath, clientId: 'guest' }));
  const welcomed = recorder();
  client.onMessage('welcome', (payload) => welcomed(payload));
  await client.connect();

  t.deepEqual(await welcomed.until(1), [[{ to: 'guest' }]]);
});

test('clientDisconnect with a reason, when a client leaves', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'diary', socketPath }));
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'diary', socketPath, clientId: 'leaver' }));
  await client.connect();

  const left = once(server, 'clientDisconnect');
  await client.disconnect();
  const [clientId, reason] = await left;

  t.is(clientId, 'leaver');
  t.is(typeof reason, 'string');
  t.not(reason, '');
});

test('clientDisconnect when the process of a client dies, with another reason', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'diary', socketPath }));
  server.on('error', () => {});
  await server.start();
  const polite = closeAfter(t, SmartIpc.createClient({ id: 'diary', socketPath }));
  await polite.connect();
  const politeLeft = once(server, 'clientDisconnect');
  await polite.disconnect();
  const [, politeReason] = await politeLeft;

  const child = startChild(t, 'client', { client: { id: 'diary', socketPath, clientId: 'victim' } });
  await child.report('connected');
  const left = once(server, 'clientDisconnect');
  child.kill('SIGKILL');
  const [clientId, reason] = await left;

  t.is(clientId, 'victim');
  t.is(typeof reason, 'string');
  t.not(reason, politeReason, 'a lost client is told apart from one that said goodbye');
});

test('error with the client whose message made a listener throw', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'diary', socketPath }));
  server.onMessage('throws', () => {
    throw new RangeError('a synchronous one');
  });
  server.onMessage('rejects', async () => {
    throw new RangeError('an asynchronous one');
  });
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'diary', socketPath, clientId: 'trouble' }));
  await client.connect();

  for (const [type, message] of [
    ['throws', 'a synchronous one'],
    ['rejects', 'an asynchronous one'],
  ]) {
    const emitted = once(server, 'error');
    await client.sendMessage(type, {});
    const [error, clientId] = await emitted;
    t.true(error instanceof RangeError);
    t.is(error.message, message);
    t.is(clientId, 'trouble');
  }
});

test('stop() says goodbye to every client', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'diary', socketPath }));
  await server.start();
  const child = startChild(t, 'client', { client: { id: 'diary', socketPath, autoReconnect: false } });
  await child.report('connected');

  await server.stop();

  const { reason } = await child.report('disconnect');
  t.is(typeof reason, 'string');
  t.is((await child.exited()).code, 0, 'a client that will not reconnect does not hold its process');
});

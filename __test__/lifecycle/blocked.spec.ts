// A program whose JavaScript stands still at a bad moment. In a file of its own:
// everything in the process stands still with it.
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, tempSocket } from '../support/helpers.cjs';

/** Longer than the last bytes of a connection may take. */
const STANDSTILL = 2500;

test.serial('a client that stood still while it disconnected can connect again', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'blocked', socketPath }));
  server.onMessage('ping', () => 'pong');
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'blocked', socketPath }));
  await client.connect();
  const events: string[] = [];
  client.on('disconnect', () => events.push('disconnect'));

  const disconnected = client.disconnect().then(() => events.push('resolved'));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL);
  await disconnected;

  t.deepEqual(events, ['disconnect', 'resolved']);
  await client.connect();
  t.is(await client.request('ping', {}), 'pong');
});

test.serial('a server that stood still while it stopped has told of its clients, and starts again', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'blocked-server', socketPath }));
  server.onMessage('ping', () => 'pong');
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'blocked-server', socketPath, autoReconnect: false }));
  await client.connect();
  const events: string[] = [];
  server.on('clientDisconnect', () => events.push('clientDisconnect'));

  const stopped = server.stop().then(() => events.push('stopped'));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL);
  await stopped;

  t.deepEqual(events, ['clientDisconnect', 'stopped']);
  await server.start();
  await client.connect();
  t.is(await client.request('ping', {}), 'pong');
});

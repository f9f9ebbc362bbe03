import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, recorder, tempSocket } from '../support/helpers.cjs';

test('a server answers the request of a client that connected with retries', async (t) => {
  const socketPath = tempSocket(t);
  const greeted = recorder();

  const server = closeAfter(
    t,
    SmartIpc.createServer({
      id: 'hotel',
      socketPath,
      autoCleanupSocketFile: true,
    }),
  );
  server.onMessage('check-in', async (guest, clientId) => {
    greeted(guest, clientId);
    return { welcome: `Room ${guest.room} for ${guest.name}` };
  });
  await server.start({ readyWhen: 'accepting' });

  const client = closeAfter(
    t,
    SmartIpc.createClient({
      id: 'hotel',
      socketPath,
      connectRetry: {
        enabled: true,
        maxAttempts: 10,
      },
    }),
  );
  await client.connect();

  const answer = await client.request('check-in', { name: 'Ada', room: 12 });

  t.deepEqual(answer, { welcome: 'Room 12 for Ada' });
  t.deepEqual(greeted.calls, [[{ name: 'Ada', room: 12 }, client.getClientId()]]);
});

test('createServer and createClient give event emitters of the exported classes', async (t) => {
  const { EventEmitter } = await import('events');
  const { IpcClient, IpcServer } = await import('@push.rocks/smartipc');
  const server = SmartIpc.createServer({ id: 'classes', socketPath: tempSocket(t) });
  const client = SmartIpc.createClient({ id: 'classes', socketPath: tempSocket(t) });

  t.true(server instanceof IpcServer);
  t.true(server instanceof EventEmitter);
  t.true(client instanceof IpcClient);
  t.true(client instanceof EventEmitter);
});

import net from 'net';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, tempSocket } from '../support/helpers.cjs';

const newServer = (t: any) => {
  const socketPath = tempSocket(t);
  const options = { id: 'gate', socketPath, autoCleanupSocketFile: true };
  return { socketPath, server: closeAfter(t, SmartIpc.createServer(options)) };
};

test("start({ readyWhen: 'accepting' }) resolves when the server takes connections", async (t) => {
  const { socketPath, server } = newServer(t);
  t.false(server.getIsReady());

  await server.start({ readyWhen: 'accepting' });

  t.true(server.getIsReady());
  const socket = net.connect(socketPath);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
});

test("start({ readyWhen: 'socket-bound' }) resolves when the path is taken", async (t) => {
  const { socketPath, server } = newServer(t);

  await server.start({ readyWhen: 'socket-bound' });

  const rival = closeAfter(t, SmartIpc.createServer({ id: 'gate', socketPath }));
  await t.throwsAsync(rival.start(), { code: 'EADDRINUSE' });
});

test('the ready event comes after a plain start()', async (t) => {
  const { socketPath, server } = newServer(t);
  const clients: string[] = [];
  const connected = new Promise<void>((resolve, reject) => {
    server.on('ready', () => {
      const client = closeAfter(t, SmartIpc.createClient({ id: 'gate', socketPath, clientId: 'started-on-ready' }));
      client.connect().then(() => {
        clients.push(client.getClientId());
        resolve();
      }, reject);
    });
  });

  await server.start();
  await connected;

  t.deepEqual(clients, ['started-on-ready']);
});

test('getIsReady() follows the state of the server', async (t) => {
  const { server } = newServer(t);
  const ready = once(server, 'ready');
  t.false(server.getIsReady());

  await server.start();
  await ready;
  t.true(server.getIsReady());

  await server.stop();
  t.false(server.getIsReady());
});

test('a client connects at once when start() has resolved', async (t) => {
  const { socketPath, server } = newServer(t);
  await server.start({ readyWhen: 'accepting' });

  const clients = Array.from({ length: 20 }, () =>
    closeAfter(
      t,
      SmartIpc.createClient({ id: 'gate', socketPath, clientOnly: true, connectRetry: { enabled: false } }),
    ),
  );
  await Promise.all(clients.map((client) => client.connect()));

  t.true(clients.every((client) => client.getIsConnected()));
});

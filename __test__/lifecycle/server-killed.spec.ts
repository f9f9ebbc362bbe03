import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, recorder, startChild, tempSocket, within } from '../support/helpers.cjs';
import { PROMPTLY, rounds } from '../support/children/measure.cjs';

const KILLS = rounds('SERVER_KILLS', 10);
const CLIENTS = ['first', 'second', 'third'];

test(`X1: a killed server, ${KILLS} times: pending requests fail, clients come back as they were`, async (t) => {
  t.timeout(60_000 + KILLS * 5000);
  const socketPath = tempSocket(t);
  const newServer = async () => {
    const child = startChild(t, 'server', {
      server: { id: 'phoenix', socketPath, autoCleanupSocketFile: true, heartbeat: false },
    });
    await child.report('ready');
    return child;
  };
  let server = await newServer();
  const clients = await Promise.all(
    CLIENTS.map(async (clientId) => {
      const client = closeAfter(
        t,
        SmartIpc.createClient({ id: 'phoenix', socketPath, clientId, reconnectDelay: 20, maxReconnectDelay: 100 }),
      );
      const heard = recorder();
      const errors = recorder();
      client.on('error', errors);
      await client.connect();
      await client.subscribe(`news.${clientId}`, (payload) => heard('own', payload));
      await client.subscribe('news.**', (payload) => heard('pattern', payload));
      return { clientId, client, heard, errors };
    }),
  );
  let slowestFailure = 0;
  let slowestReturn = 0;

  for (let round = 0; round < KILLS; round++) {
    const lost = clients.map(({ client }) => once(client, 'disconnect'));
    const back = clients.map(({ client }) => once(client, 'connect'));
    const pending = clients.flatMap(({ client, clientId }) =>
      ['hang', 'hang'].map((type) =>
        client.request(type, {}).then(
          () => t.fail(`the request of ${clientId} was answered`),
          (error) => ({ error, at: Date.now() }),
        ),
      ),
    );
    for (let taken = 0; taken < pending.length; taken++) await server.report('hanging');

    const killed = Date.now();
    server.kill('SIGKILL');
    for (const outcome of await within(Promise.all(pending), 'the pending requests')) {
      const { error, at } = outcome as { error: any; at: number };
      t.is(error.code, 'IPC_ERR_CONNECTION_LOST');
      t.is(error.mayHaveRun, true);
      t.is(error.name, 'IpcError');
      slowestFailure = Math.max(slowestFailure, at - killed);
    }
    await Promise.all(lost);
    t.is((await server.exited()).signal, 'SIGKILL');

    server = await newServer();
    const ready = Date.now();
    const arrived = await Promise.all(CLIENTS.map(() => server.report('clientConnect')));
    t.deepEqual(arrived.map(({ clientId }) => clientId).sort(), [...CLIENTS].sort());
    await Promise.all(back);
    slowestReturn = Math.max(slowestReturn, Date.now() - ready);

    // Each publishes to another one, and all have the pattern.
    for (const [index, { client }] of clients.entries()) {
      t.is(client.getClientId(), CLIENTS[index]);
      await client.publish(`news.${CLIENTS[(index + 1) % CLIENTS.length]}`, { round, from: index });
    }
    for (const [index, { client, heard }] of clients.entries()) {
      const from = (index + CLIENTS.length - 1) % CLIENTS.length;
      await heard.until(CLIENTS.length + 1);
      const { pid } = await client.request('whoami', {});
      t.is(pid, server.pid);
      const calls = heard.calls.splice(0);
      t.deepEqual(calls.filter(([how]) => how === 'own'), [['own', { round, from }]]);
      const published = calls.filter(([how]) => how === 'pattern').map(([, payload]) => payload);
      t.deepEqual(published.map(({ from }) => from).sort(), [0, 1, 2]);
      t.true(published.every((payload) => payload.round === round));
    }
  }

  for (const { client, errors } of clients) {
    t.is(client.getStats().metrics.reconnects, KILLS);
    t.is(client.getStats().metrics.requestsPending, 0);
    t.deepEqual(errors.calls, []);
  }
  t.true(slowestFailure <= PROMPTLY, `a request failed ${slowestFailure} ms after the kill`);
  t.true(slowestReturn <= PROMPTLY, `a client was back ${slowestReturn} ms after the server`);
  t.log(`requests failed within ${slowestFailure} ms, clients were back within ${slowestReturn} ms`);
});

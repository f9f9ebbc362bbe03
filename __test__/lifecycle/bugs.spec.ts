// A panic of the addon costs the call or the connection that it strikes, is counted,
// and no more. Needs an addon with the feature `faults`: node scripts/faults.js
import { createRequire } from 'module';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { notRun } from '../support/conformance.mjs';
import { closeAfter, failure, once, recorder, tempSocket, within } from '../support/helpers.cjs';
import { outcome } from '../support/streams.mjs';

/** Has the next visit to a place panic. */
const { injectBug } = createRequire(import.meta.url)('../../native.js');
const CODES = ['IPC_ERR_INTERNAL', 'IPC_ERR_CONNECTION_LOST'];

/** The place of a bug is one for the process: serial. */
function bugTest(title: string, run: (t: any) => Promise<void>) {
  test.serial(`N15: ${title}`, (t) => (injectBug === undefined ? notRun(t, 'needs an addon with faults: node scripts/faults.js') : run(t)));
}

async function serve(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'bugs', socketPath }));
  const errors = recorder();
  server.on('error', errors);
  server.onMessage('echo', (payload) => payload);
  const client = (clientId: string) => {
    const one = closeAfter(t, SmartIpc.createClient({ id: 'bugs', socketPath, clientId, clientOnly: true, reconnectDelay: 1 }));
    one.on('error', errors);
    return one;
  };
  return { server, client, errors };
}

/** Errors that the endpoints have counted. */
function counted(...endpoints: any[]) {
  return endpoints.reduce((sum, endpoint) => sum + endpoint.getStats().metrics.errors, 0);
}

/** Asks until an answer comes: a client whose connection is lost comes back. */
async function answered(client: any, payload: any) {
  for (;;) {
    const { value, error } = await outcome(client.request('echo', payload));
    if (error === undefined) return value;
    if (!CODES.includes(error.code)) throw error;
  }
}

bugTest('a bug in the way of messages that were accepted already is an error event', async (t) => {
  const { server, client, errors } = await serve(t);
  const noted = recorder();
  server.onMessage('note', (payload) => void noted(payload));
  await server.start();
  const unlucky = client('unlucky');
  await unlucky.connect();
  const before = counted(unlucky);
  await unlucky.sendMessage('note', 1);
  await unlucky.sendMessage('note', 2);
  injectBug('call');
  await errors.until(1);
  t.is(errors.calls[0][0].code, 'IPC_ERR_INTERNAL');
  t.true(counted(unlucky) > before);
  t.is(await unlucky.request('echo', 3), 3);
  t.deepEqual(noted.calls, [[1]]);
});

// In a call into the addon; where its mail is packed and taken; in a task.
for (const place of ['call', 'pack', 'taken', 'driver', 'event']) {
  bugTest(`a bug at '${place}' fails what it is in the way of, and nothing else`, async (t) => {
    const { server, client } = await serve(t);
    await server.start();
    const [unlucky, other] = [client('unlucky'), client('other')];
    await unlucky.connect();
    await other.connect();
    t.is(await unlucky.request('echo', 1), 1);
    const before = counted(server, unlucky, other);

    injectBug(place);
    // Whether the answer is among what is lost depends on which end it strikes.
    const { value, error } = await within(outcome(unlucky.request('echo', 2)), 'the request');
    if (error === undefined) t.is(value, 2);
    else t.true(CODES.includes(error.code), error.code);
    if (place === 'call') t.is(error?.code, 'IPC_ERR_INTERNAL');
    t.is(await within(answered(unlucky, 3), 'the next answer'), 3);
    t.is(await within(other.request('echo', 4), "the other client's answer"), 4);
    t.is(counted(server, unlucky, other) - before, 1);
    t.deepEqual(server.getClientIds().sort(), ['other', 'unlucky']);
  });
}

bugTest('a bug when starting rejects start(), which works the next time', async (t) => {
  const { server, client } = await serve(t);
  injectBug('start');
  t.is((await failure(() => server.start())).code, 'IPC_ERR_INTERNAL');
  await server.start();
  const one = client('one');
  injectBug('connect');
  t.is((await failure(() => one.connect())).code, 'IPC_ERR_INTERNAL');
  await one.connect();
  t.is(await one.request('echo', 1), 1);
});

bugTest('a bug when stopping rejects stop() or is told, and all is let go', async (t) => {
  const { server, client, errors } = await serve(t);
  for (const place of ['stop', 'unbind']) {
    await server.start();
    const one = client(place);
    await one.connect();
    const gone = once(one, 'disconnect');
    const before = counted(server, one);
    injectBug(place);
    const { error } = await within(outcome(server.stop()), 'stop()');
    // The latter is in the Drop of what keeps the file of the socket.
    if (place === 'stop') t.is(error?.code, 'IPC_ERR_INTERNAL');
    else t.true(errors.calls.some(([told]: any) => told.code === 'IPC_ERR_INTERNAL'));
    await gone;
    await one.disconnect();
    t.false(server.getStats().isRunning);
    t.deepEqual(server.getClientIds(), []);
    t.is(counted(server, one) - before, 1, place);
  }
});

bugTest('a bug when disconnecting rejects disconnect(), and the connection has ended', async (t) => {
  const { server, client } = await serve(t);
  await server.start();
  const one = client('one');
  await one.connect();
  const told = recorder();
  one.on('disconnect', told);
  const before = counted(server, one);
  injectBug('disconnect');
  t.is((await within(failure(() => one.disconnect()), 'disconnect()')).code, 'IPC_ERR_INTERNAL');
  t.deepEqual(told.calls.map(([reason]: any) => reason), ['internal_error']);
  t.is(counted(server, one) - before, 1);
  await one.connect();
  t.is(await one.request('echo', 1), 1);
});

bugTest("a bug in telling of a connection's end costs its reason, not the news", async (t) => {
  const { server, client, errors } = await serve(t);
  await server.start();
  const one = client('one');
  await one.connect();
  const ends = [once(server, 'clientDisconnect'), once(one, 'disconnect')];
  const before = counted(server, one);
  injectBug('pack');
  await server.disconnectClient('one');
  await within(Promise.all(ends), 'both to hear of it');
  t.deepEqual(server.getClientIds(), []);
  t.is(counted(server, one) - before, 1);
  t.deepEqual(errors.calls.map(([{ code }]: any) => code), ['IPC_ERR_INTERNAL']);
  await within(server.stop(), 'stop()');
});

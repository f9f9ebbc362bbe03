import fs from 'fs';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, deferred, failure, once, recorder, tempSocket, within } from '../support/helpers.cjs';

function newServer(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'switch', socketPath }));
  server.onMessage('echo', (payload) => payload);
  const connect = async (options: object = {}) => {
    const client = closeAfter(t, SmartIpc.createClient({ id: 'switch', socketPath, ...options }));
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  return { socketPath, server, connect };
}

test('start() twice is harmless', async (t) => {
  const { server, connect } = newServer(t);
  const starts = recorder();
  server.on('start', starts);
  await server.start();
  const client = await connect();

  await server.start();
  await server.start({ readyWhen: 'accepting' });

  t.is(await client.request('echo', 'undisturbed'), 'undisturbed');
  t.is(server.getStats().totalConnections, 1);
  t.is(starts.calls.length, 1);
});

test('two starts at the same time are one', async (t) => {
  const { server, connect } = newServer(t);
  await Promise.all([server.start(), server.start()]);
  t.is(await (await connect()).request('echo', 1), 1);
});

test('stop() twice is harmless', async (t) => {
  const { server } = newServer(t);
  const stops = recorder();
  server.on('stop', stops);
  await server.start();

  await Promise.all([server.stop(), server.stop()]);
  await server.stop();

  t.is(stops.calls.length, 1);
  t.false(server.getIsReady());
});

test('stop() before start() is harmless', async (t) => {
  const { server, connect } = newServer(t);
  await t.notThrowsAsync(server.stop());
  await server.start();
  t.is(await (await connect()).request('echo', 1), 1);
});

test('start() after stop() works, with the same handlers', async (t) => {
  const { socketPath, server, connect } = newServer(t);
  for (let round = 0; round < 3; round++) {
    await server.start({ readyWhen: 'accepting' });
    const client = await connect({ autoReconnect: false });
    t.is(await client.request('echo', round), round);
    await server.stop();
    t.false(fs.existsSync(socketPath));
  }
});

test('start() may be tried again after a failure', async (t) => {
  const { socketPath, server, connect } = newServer(t);
  const squatter = closeAfter(t, SmartIpc.createServer({ id: 'switch', socketPath }));
  await squatter.start();
  t.is((await failure(() => server.start())).code, 'EADDRINUSE');
  t.false(server.getIsReady());

  await squatter.stop();
  await server.start();
  t.is(await (await connect()).request('echo', 'mine now'), 'mine now');
});

test('stop() lets pending work finish', async (t) => {
  const { server, connect } = newServer(t);
  const gate = deferred();
  const asked = recorder(() => gate.promise);
  server.onMessage('slow', asked);
  await server.start();
  const client = await connect({ autoReconnect: false });
  const answer = client.request('slow', {});
  await asked.until(1);

  const stopping = server.stop();
  gate.resolve('finished');

  t.is(await answer, 'finished');
  await stopping;
  t.false(server.getStats().isRunning);
});

test('stop() does not wait for ever', async (t) => {
  const { server, connect } = newServer(t);
  const asked = recorder(() => new Promise(() => {}));
  server.onMessage('forever', asked);
  await server.start();
  const client = await connect({ autoReconnect: false });
  const answer = failure(() => client.request('forever', {}), 20000);
  await asked.until(1);

  await within(server.stop(), 'stop()', 9000);

  t.is((await answer).mayHaveRun, true);
});

test('stop() inside a handler does not deadlock', async (t) => {
  const { server, connect } = newServer(t);
  const stopped = recorder();
  server.onMessage('halt', async () => {
    await server.stop();
    stopped();
  });
  await server.start();
  const client = await connect({ autoReconnect: false });
  const event = once(server, 'stop');
  const lost = once(client, 'disconnect');

  await client.sendMessage('halt', {});

  await event;
  await stopped.until(1);
  await lost;
  t.false(server.getIsReady());
});

test('a stopped server takes no connections', async (t) => {
  const { socketPath, server } = newServer(t);
  await server.start();
  await server.stop();

  const client = closeAfter(t, SmartIpc.createClient({ id: 'switch', socketPath, clientOnly: true }));
  t.is((await failure(() => client.connect())).code, 'ENOENT');
});

test('calls on a server that does not run reject', async (t) => {
  const { server } = newServer(t);
  await t.throwsAsync(async () => server.sendToClient('someone', 'word', {}));
  await t.throwsAsync(async () => server.requestClient('someone', 'word', {}));
});

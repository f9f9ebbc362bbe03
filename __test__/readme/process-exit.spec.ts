import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, startChild, tempSocket } from '../support/helpers.cjs';

async function runs(t: any, scenario: string) {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'lifetime', { scenario, socketPath });
  await child.report('set up');
  return { socketPath, child };
}

/** Starts the server a client scenario connects to. */
async function runsBesideServer(t: any, scenario: string) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'lifetime', socketPath }));
  server.on('error', () => {});
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const child = startChild(t, 'lifetime', { scenario, socketPath });
  await child.report('set up');
  return { server, child };
}

for (const scenario of ['nothing opened', 'server stopped', 'server unref', 'both in one process']) {
  test(`the process ends by itself: ${scenario}`, async (t) => {
    const { child } = await runs(t, scenario);
    const { code, signal, stderr } = await child.exited();
    t.is(code, 0, stderr);
    t.is(signal, null);
  });
}

for (const scenario of ['client disconnected', 'client unref']) {
  test(`the process ends by itself: ${scenario}`, async (t) => {
    const { child } = await runsBesideServer(t, scenario);
    const { code, signal, stderr } = await child.exited();
    t.is(code, 0, stderr);
    t.is(signal, null);
  });
}

for (const scenario of ['server running', 'server unref and ref']) {
  test(`the process stays: ${scenario}`, async (t) => {
    const { socketPath, child } = await runs(t, scenario);
    // Another process starts, runs and ends in the meantime.
    const other = startChild(t, 'lifetime', { scenario: 'server stopped', socketPath: tempSocket(t) });
    await other.exited();
    t.is(child.ended, undefined, 'ended although its server runs');

    const client = closeAfter(
      t,
      SmartIpc.createClient({ id: 'lifetime', socketPath, clientOnly: true, autoReconnect: false }),
    );
    await client.connect();
    t.is(await client.request('quit', {}), 'quitting');
    t.is((await child.exited()).code, 0);
  });
}

for (const scenario of ['client connected', 'client unref and ref']) {
  test(`the process stays: ${scenario}`, async (t) => {
    const { server, child } = await runsBesideServer(t, scenario);
    const other = startChild(t, 'lifetime', { scenario: 'server stopped', socketPath: tempSocket(t) });
    await other.exited();
    t.is(child.ended, undefined, 'ended although its client is connected');

    const left = once(server, 'clientDisconnect');
    t.is(await server.requestClient('lifetime', 'quit', {}), 'quitting');
    await left;
    t.is((await child.exited()).code, 0);
  });
}

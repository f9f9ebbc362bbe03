import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, recorder, tempSocket } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'recall', socketPath }));
  const started = recorder();
  const aborted = recorder();
  server.onMessage('work', (payload, _clientId, { signal }) => {
    signal.addEventListener('abort', () => aborted(payload));
    started(payload);
    return new Promise(() => {});
  });
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'recall', socketPath, clientId: 'caller' }));
  await client.connect();
  return { server, client, started, aborted };
}

test('an aborted request rejects at once and its handler is told', async (t) => {
  const { client, started, aborted } = await pair(t);
  const controller = new AbortController();
  const call = failure(() => client.request('work', 'long', { signal: controller.signal }));
  await started.until(1);

  controller.abort();
  const error = await call;

  t.true(error instanceof IpcError);
  t.regex(error.code, /^IPC_ERR_/);
  t.is(error.origin, 'local');
  t.is(error.mayHaveRun, true);
  t.deepEqual(await aborted.until(1), [['long']]);
  t.is(client.getStats().metrics.requestsPending, 0);
});

test('only the aborted request ends', async (t) => {
  const { server, client, started, aborted } = await pair(t);
  let release: (value: string) => void = () => {};
  server.onMessage('other', () => new Promise<string>((resolve) => (release = resolve)));
  const controller = new AbortController();
  const cancelled = failure(() => client.request('work', 'one', { signal: controller.signal }));
  const other = client.request('other', 'two');
  await started.until(1);

  controller.abort();
  await cancelled;
  await aborted.until(1);
  release('two is done');

  t.is(await other, 'two is done');
});

test('one signal ends many requests', async (t) => {
  const { client, started, aborted } = await pair(t);
  const controller = new AbortController();
  const calls = Array.from({ length: 10 }, (_, index) =>
    failure(() => client.request('work', index, { signal: controller.signal })),
  );
  await started.until(10);
  controller.abort();

  const errors = await Promise.all(calls);
  t.true(errors.every((error) => error instanceof IpcError));
  await aborted.until(10);
  t.pass();
});

test('a request with an already aborted signal is never sent', async (t) => {
  const { client, started } = await pair(t);
  const error = await failure(() => client.request('work', 'never', { signal: AbortSignal.abort() }));

  t.true(error instanceof IpcError);
  t.falsy(error.mayHaveRun);
  // The echo comes after anything that was sent before it.
  await client.request('echo', 1);
  t.deepEqual(started.calls, []);
});

test('an abort after the answer changes nothing', async (t) => {
  const { client } = await pair(t);
  const controller = new AbortController();
  const answer = await client.request('echo', 'in time', { signal: controller.signal });
  controller.abort();

  t.is(answer, 'in time');
  t.is(await client.request('echo', 'next'), 'next');
});

test('a request of the server to a client is aborted the same way', async (t) => {
  const { server, client } = await pair(t);
  const started = recorder();
  const aborted = recorder();
  client.onMessage('work', (_payload, { signal }) => {
    signal.addEventListener('abort', () => aborted());
    started();
    return new Promise(() => {});
  });
  const controller = new AbortController();
  const call = failure(() => server.requestClient('caller', 'work', {}, { signal: controller.signal }));
  await started.until(1);

  controller.abort();
  t.true((await call) instanceof IpcError);
  await aborted.until(1);
});

test('a signal that is none is a TypeError', async (t) => {
  const { client } = await pair(t);
  t.true((await failure(() => client.request('echo', 1, { signal: 'now' as any }))) instanceof TypeError);
});

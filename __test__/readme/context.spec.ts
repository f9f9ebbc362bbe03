import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'context', socketPath }));
  const seen = recorder();
  server.onMessage('look', (_payload, clientId, context) => {
    seen(clientId, context);
    return 'seen';
  });
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'context', socketPath, clientId: 'observed' }));
  await client.connect();
  return { socketPath, server, client, seen };
}

test('a handler of the server sees who asks, with which headers', async (t) => {
  const { client, seen } = await pair(t);
  await client.request('look', {}, { headers: { trace: 'abc-123', tenant: 'ä' } });

  const [[clientId, context]] = seen.calls;
  t.is(clientId, 'observed');
  t.is(context.clientId, 'observed');
  t.is(context.headers.trace, 'abc-123');
  t.is(context.headers.tenant, 'ä');
  t.true(context.signal instanceof AbortSignal);
  t.false(context.signal.aborted);
  t.like(context.peer, { pid: process.pid, uid: process.getuid!(), gid: process.getgid!() });
});

test('a one-way message has headers too', async (t) => {
  const { client, seen } = await pair(t);
  await client.sendMessage('look', {}, { trace: 'one-way' });

  const [[, context]] = await seen.until(1);
  t.is(context.clientId, 'observed');
  t.is(context.headers.trace, 'one-way');
});

test('headers are an object when none were sent', async (t) => {
  const { client, seen } = await pair(t);
  await client.request('look', {});
  const [[, context]] = seen.calls;
  t.is(context.headers.trace, undefined);
});

test('peer names the process at the other end', async (t) => {
  const { socketPath, server, seen } = await pair(t);
  const child = startChild(t, 'job-worker', { socketPath, jobId: 'x', numbers: [1] });
  server.onMessage('job-done', (_payload, _clientId, context) => seen(context.peer));

  const [[peer]] = await seen.until(1);
  t.is(peer.pid, child.pid);
});

test('a handler of the client has a context as its second argument', async (t) => {
  const { server, client } = await pair(t);
  const contexts = recorder();
  client.onMessage('look', (_payload, context) => {
    contexts(context);
    return 'seen';
  });
  await server.sendToClient('observed', 'look', {});
  await server.requestClient('observed', 'look', {}, { headers: { trace: 'from above' } });

  const [, [context]] = await contexts.until(2);
  t.is(context.headers.trace, 'from above');
  t.true(context.signal instanceof AbortSignal);
  t.is(context.peer.pid, process.pid);
});

test('the signal aborts when the caller times out', async (t) => {
  const { server, client } = await pair(t);
  const aborted = recorder();
  server.onMessage('wait', (_payload, _clientId, { signal }) => {
    signal.addEventListener('abort', () => aborted());
    return new Promise(() => {});
  });

  const error = await failure(() => client.request('wait', {}, { timeout: 150 }));
  t.is(error.message, 'Request timeout for wait');
  await aborted.until(1);
  t.is(aborted.calls.length, 1);
});

test('the signal aborts when the caller is disconnected', async (t) => {
  const { server, client } = await pair(t);
  client.on('error', () => {});
  const started = recorder();
  const aborted = recorder();
  server.onMessage('wait', (_payload, _clientId, { signal }) => {
    signal.addEventListener('abort', () => aborted());
    started();
    return new Promise(() => {});
  });
  const lost = failure(() => client.request('wait', {}));
  await started.until(1);

  await server.disconnectClient('observed', 'the end');

  await aborted.until(1);
  t.true((await lost) instanceof IpcError);
});

test('the signal aborts when the process of the caller dies', async (t) => {
  const { socketPath, server } = await pair(t);
  server.on('error', () => {});
  const started = recorder();
  const aborted = recorder();
  server.onMessage('wait', (_payload, clientId, { signal }) => {
    signal.addEventListener('abort', () => aborted(clientId));
    started();
    return new Promise(() => {});
  });
  const child = startChild(t, 'caller', {
    client: { id: 'context', socketPath, clientId: 'doomed' },
    type: 'wait',
  });
  await started.until(1);
  t.deepEqual(aborted.calls, []);

  child.kill('SIGKILL');

  t.deepEqual(await aborted.until(1), [['doomed']]);
});

test('the signal of an answered request does not abort', async (t) => {
  const { server, client, seen } = await pair(t);
  await client.request('look', {});
  const [[, context]] = seen.calls;
  const left = once(server, 'clientDisconnect');
  await client.disconnect();
  await left;
  t.false(context.signal.aborted);
});

import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, recorder, startChild, tempSocket } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'survey', socketPath }));
  server.on('error', () => {});
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'survey', socketPath, clientId: 'citizen' }));
  await client.connect();
  return { socketPath, server, client };
}

test('the server asks a client', async (t) => {
  const { server, client } = await pair(t);
  client.onMessage('age', async ({ unit }) => ({ age: 33, unit }));

  t.deepEqual(await server.requestClient('citizen', 'age', { unit: 'years' }), { age: 33, unit: 'years' });
});

test('the server asks many clients at once', async (t) => {
  const { socketPath, server } = await pair(t);
  const ids = Array.from({ length: 10 }, (_, index) => `citizen-${index}`);
  for (const clientId of ids) {
    const client = closeAfter(t, SmartIpc.createClient({ id: 'survey', socketPath, clientId }));
    client.onMessage('name', () => clientId);
    await client.connect();
  }

  t.deepEqual(await Promise.all(ids.map((id) => server.requestClient(id, 'name', {}))), ids);
});

test('both sides ask each other within one request', async (t) => {
  const { server, client } = await pair(t);
  client.onMessage('detail', (name) => `detail of ${name}`);
  server.onMessage('report', async (name, clientId) => {
    const detail = await server.requestClient(clientId, 'detail', name);
    return `report with ${detail}`;
  });

  t.is(await client.request('report', 'roads'), 'report with detail of roads');
});

test('the error of a handler reaches the server', async (t) => {
  const { server, client } = await pair(t);
  client.onMessage('age', () => {
    throw Object.assign(new RangeError('none of your business'), { code: 'E_PRIVATE' });
  });

  const error = await failure(() => server.requestClient('citizen', 'age', {}));
  t.is(error.message, 'none of your business');
  t.is(error.name, 'RangeError');
  t.is(error.code, 'E_PRIVATE');
  t.is(error.origin, 'peer');
});

test('it times out with the same text', async (t) => {
  const { server, client } = await pair(t);
  client.onMessage('age', () => new Promise(() => {}));

  const error = await failure(() => server.requestClient('citizen', 'age', {}, { timeout: 150 }));
  t.is(error.message, 'Request timeout for age');
  t.is(server.getStats().metrics.requestTimeouts, 1);
});

test('an unknown client rejects at once', async (t) => {
  const { server } = await pair(t);
  const error = await failure(() => server.requestClient('nobody', 'age', {}), 5000);
  t.true(error instanceof IpcError);
  t.regex(error.message, /nobody/);
  t.falsy(error.mayHaveRun);
});

test('the death of the client rejects what it was asked', async (t) => {
  const { socketPath, server } = await pair(t);
  const child = startChild(t, 'client', { client: { id: 'survey', socketPath, clientId: 'mortal', heartbeat: false } });
  await child.report('connected');
  child.kill('SIGSTOP');
  const answer = failure(() => server.requestClient('mortal', 'echo', {}));
  child.kill('SIGKILL');

  const error = await answer;
  t.true(error instanceof IpcError);
  t.is(error.mayHaveRun, true);
});

test('a one-way message and a request use the same handler', async (t) => {
  const { server, client } = await pair(t);
  const calls = recorder((payload) => `got ${payload}`);
  client.onMessage('both', (payload) => calls(payload));

  await server.sendToClient('citizen', 'both', 'message');
  t.is(await server.requestClient('citizen', 'both', 'request'), 'got request');
  t.deepEqual(calls.calls, [['message'], ['request']]);
});

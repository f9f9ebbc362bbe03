import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, startChild, tempSocket } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'blame', socketPath }));
  server.onMessage('hang', () => new Promise(() => {}));
  server.onMessage('imitates', () => {
    throw Object.assign(new Error('Request timeout for imitates'), {
      name: 'IpcError',
      code: 'IPC_ERR_IMITATION',
      origin: 'local',
      mayHaveRun: false,
    });
  });
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'blame', socketPath, clientId: 'plaintiff' }));
  await client.connect();
  return { server, client };
}

test('an IpcError is an Error with a code and an origin', async (t) => {
  const { client } = await pair(t);
  const error = await failure(() => client.request('hang', {}, { timeout: 100 }));

  t.true(error instanceof IpcError);
  t.true(error instanceof Error);
  t.is(typeof error.stack, 'string');
  t.regex(error.code, /^IPC_ERR_[A-Z_]+$/);
});

test("origin 'local': a time-out of ours, of which nobody knows whether it ran", async (t) => {
  const { client } = await pair(t);
  const error = await failure(() => client.request('hang', {}, { timeout: 100 }));
  t.is(error.origin, 'local');
  t.is(error.mayHaveRun, true);
});

test("origin 'peer': the answer that there is no handler", async (t) => {
  const { client } = await pair(t);
  const error = await failure(() => client.request('missing', {}));
  t.true(error instanceof IpcError);
  t.is(error.origin, 'peer');
  t.falsy(error.mayHaveRun);
});

test("origin 'peer': a handler cannot pass its error off as ours", async (t) => {
  const { client } = await pair(t);
  const error = await failure(() => client.request('imitates', {}));
  t.is(error.message, 'Request timeout for imitates');
  t.is(error.code, 'IPC_ERR_IMITATION');
  t.is(error.origin, 'peer');
});

test("origin 'io': the operating system refuses", async (t) => {
  const socketPath = tempSocket(t);
  const client = closeAfter(t, SmartIpc.createClient({ id: 'blame', socketPath, clientOnly: true }));
  const refused = await failure(() => client.connect());
  t.true(refused instanceof IpcError);
  t.is(refused.code, 'ENOENT');
  t.is(refused.origin, 'io');
  t.falsy(refused.mayHaveRun);

  const server = closeAfter(t, SmartIpc.createServer({ id: 'blame', socketPath: `${socketPath}/not/there` }));
  const failed = await failure(() => server.start());
  t.true(failed instanceof IpcError);
  t.is(failed.code, 'ENOENT');
  t.is(failed.origin, 'io');
});

test('mayHaveRun: the connection was lost while the request was under way', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'server', { server: { id: 'blame', socketPath } });
  await child.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'blame', socketPath, autoReconnect: false }));
  client.on('error', () => {});
  await client.connect();
  const answer = failure(() => client.request('hang', {}));
  await child.report('hanging');
  child.kill('SIGKILL');

  const error = await answer;
  t.true(error instanceof IpcError);
  t.is(error.mayHaveRun, true);
  t.not(error.origin, 'peer');
});

test('wrong arguments are not wrapped', async (t) => {
  const { server, client } = await pair(t);
  for (const call of [
    () => client.request('__reserved__', {}),
    () => client.request('hang', {}, { timeout: 'soon' as any }),
    () => client.request('hang', {}, { timeout: -1 }),
    () => server.sendToClient(5 as any, 'word', {}),
    () => server.broadcastTo('plaintiff' as any, 'word', {}),
    () => client.subscribe(5 as any, () => {}),
    () => client.publish(undefined as any, {}),
  ]) {
    const error = await failure(call);
    t.true(error instanceof TypeError || error instanceof RangeError, `${call}: ${error}`);
    t.false(error instanceof IpcError);
  }
});

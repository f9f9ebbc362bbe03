import path from 'path';
import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, silentServer, startChild, tempSocket } from '../support/helpers.cjs';

async function pair(t: any, clientOptions: object = {}) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'risk', socketPath }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'risk', socketPath, ...clientOptions }));
  return { server, client };
}

/** Tells errors apart the way the readme does. */
async function outcome(call: () => Promise<unknown>) {
  try {
    await call();
    return 'fine';
  } catch (error: any) {
    if (error.message.includes('timeout')) return 'timed out';
    else if (error.message.includes('Failed to register')) return 'not registered';
    else return 'unknown error';
  }
}

test('the three kinds of failure can be told apart by their texts', async (t) => {
  const { server, client } = await pair(t);
  server.onMessage('never-answers', () => new Promise(() => {}));
  server.onMessage('goes-wrong', async () => {
    throw new Error('It went wrong');
  });
  const silentPath = tempSocket(t);
  await silentServer(t, silentPath);
  const stranger = closeAfter(
    t,
    SmartIpc.createClient({ id: 'risk', socketPath: silentPath, clientOnly: true, registerTimeoutMs: 150 }),
  );

  t.is(await outcome(() => client.request('echo', 1, { timeout: 5000 })), 'fine');
  t.is(await outcome(() => client.request('never-answers', 1, { timeout: 150 })), 'timed out');
  t.is(await outcome(() => stranger.connect()), 'not registered');
  t.is(await outcome(() => client.request('goes-wrong', 1, { timeout: 5000 })), 'unknown error');
});

test('an error that a handler throws again reaches the caller', async (t) => {
  const { server, client } = await pair(t);
  const logged: unknown[] = [];
  const fragile = async (data: { fragile: boolean }) => {
    if (data.fragile) throw new TypeError('it broke');
    return 'whole';
  };
  server.onMessage('handle', async (data, clientId) => {
    try {
      return await fragile(data);
    } catch (error) {
      logged.push(clientId);
      throw error;
    }
  });
  await client.connect();

  t.is(await client.request('handle', { fragile: false }), 'whole');
  const error = await failure(() => client.request('handle', { fragile: true }));
  t.is(error.message, 'it broke');
  t.is(error.name, 'TypeError');
  t.deepEqual(logged, [client.getClientId()]);
});

test('message, name and code cross; the stack and everything else stay', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'server', { server: { id: 'risk', socketPath } });
  await child.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'risk', socketPath }));
  await client.connect();

  const error = await failure(() =>
    client.request('fail', { name: 'QuotaError', message: 'no room left', code: 'E_QUOTA' }),
  );

  t.true(error instanceof Error);
  t.is(error.message, 'no room left');
  t.is(error.name, 'QuotaError');
  t.is(error.code, 'E_QUOTA');
  t.is(error.origin, 'peer');
  t.is(error.secret, undefined);
  t.notRegex(String(error.stack), /thisFunctionNameStaysHere/);
  t.notRegex(String(error.stack), new RegExp(path.join('children', 'server.mjs').replace(/\W/g, '\\$&')));
});

test('a handler may throw what is no error', async (t) => {
  const { server, client } = await pair(t);
  server.onMessage('throws-text', () => {
    throw 'only a text';
  });
  server.onMessage('throws-nothing', async () => {
    throw undefined;
  });
  await client.connect();

  const error = await failure(() => client.request('throws-text', {}));
  t.true(error instanceof Error);
  t.regex(error.message, /only a text/);
  t.true((await failure(() => client.request('throws-nothing', {}))) instanceof Error);
  t.is(await client.request('echo', 'still fine'), 'still fine');
});

test('the error event of the server is not for requests', async (t) => {
  const { server, client } = await pair(t);
  const emitted: unknown[] = [];
  server.on('error', (error) => emitted.push(error));
  server.onMessage('goes-wrong', () => {
    throw new Error('for the caller');
  });
  await client.connect();

  t.is((await failure(() => client.request('goes-wrong', {}))).message, 'for the caller');
  t.deepEqual(emitted, []);
});

test('a request nobody handles is answered at once', async (t) => {
  const { server, client } = await pair(t, { clientId: 'asker' });
  await client.connect();

  for (const [call, type] of [
    [() => client.request('unheard-of', {}, { timeout: 9000 }), 'unheard-of'],
    [() => server.requestClient('asker', 'unknown-here', {}, { timeout: 9000 }), 'unknown-here'],
  ] as const) {
    const error = await failure(call, 5000);
    t.true(error instanceof IpcError);
    t.is(error.message, `No handler registered for message type: ${type}`);
    t.regex(error.code, /^IPC_ERR_/);
  }
});

test('a wrong token fails the registration and is not repeated in the text', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'risk', socketPath, authToken: 'open-sesame' }));
  server.on('error', () => {});
  server.onMessage('echo', (payload) => payload);
  await server.start();

  for (const authToken of ['open-barley', undefined]) {
    const client = closeAfter(t, SmartIpc.createClient({ id: 'risk', socketPath, authToken, clientOnly: true }));
    const error = await failure(() => client.connect());
    t.true(error instanceof IpcError);
    t.regex(error.message, /Failed to register/);
    t.notRegex(error.message, /sesame|barley/);
    t.false(client.getIsConnected());
  }
  const friend = closeAfter(t, SmartIpc.createClient({ id: 'risk', socketPath, authToken: 'open-sesame' }));
  await friend.connect();
  t.is(await friend.request('echo', 'inside'), 'inside');
});

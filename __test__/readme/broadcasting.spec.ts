import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';

async function audience(t: any, ids: string[], serverOptions: object = {}) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'stage', socketPath, heartbeat: false, ...serverOptions }));
  await server.start();
  const members: Record<string, { client: any; heard: any }> = {};
  for (const clientId of ids) {
    const client = closeAfter(t, SmartIpc.createClient({ id: 'stage', socketPath, clientId, heartbeat: false }));
    const heard = recorder();
    for (const type of ['notice', 'whisper', 'letter', 'bulk']) client.onMessage(type, (data) => heard(type, data));
    await client.connect();
    members[clientId] = { client, heard };
  }
  return { socketPath, server, members };
}

test('broadcast reaches every client', async (t) => {
  const { server, members } = await audience(t, ['anna', 'ben', 'cleo']);

  await server.broadcast('notice', { text: 'The show starts in 5 minutes', level: 'info' });

  for (const { heard } of Object.values(members)) {
    t.deepEqual(await heard.until(1), [['notice', { text: 'The show starts in 5 minutes', level: 'info' }]]);
  }
});

test('broadcast reaches who came after the last one, and not who has left', async (t) => {
  const { server, members, socketPath } = await audience(t, ['anna', 'ben']);
  await server.broadcast('notice', 1);

  const late = closeAfter(t, SmartIpc.createClient({ id: 'stage', socketPath, clientId: 'cleo', serialization: 'advanced' }));
  const heard = recorder();
  late.onMessage('notice', (data) => heard(data));
  await late.connect();
  await members.ben.heard.until(1);
  const left = once(server, 'clientDisconnect');
  await members.ben.client.disconnect();
  await left;
  await server.broadcast('notice', 2);

  t.deepEqual(await heard.until(1), [[2]]);
  t.deepEqual(await members.anna.heard.until(2), [['notice', 1], ['notice', 2]]);
  t.deepEqual(members.ben.heard.calls, [['notice', 1]]);
});

test('broadcastTo reaches the named clients only', async (t) => {
  const { server, members } = await audience(t, ['client-1', 'client-2', 'client-3']);

  const unreached = await server.broadcastTo(['client-1', 'client-2'], 'whisper', { text: 'for two of you' });
  await server.broadcast('notice', 'end');

  t.deepEqual(unreached, []);
  for (const id of ['client-1', 'client-2']) {
    t.deepEqual(await members[id].heard.until(2), [
      ['whisper', { text: 'for two of you' }],
      ['notice', 'end'],
    ]);
  }
  t.deepEqual(await members['client-3'].heard.until(1), [['notice', 'end']]);
});

test('broadcastTo resolves with the ids it did not reach', async (t) => {
  const { server, members } = await audience(t, ['here']);

  const unreached = await server.broadcastTo(['gone', 'here', 'never-was'], 'whisper', 'psst');

  t.deepEqual([...unreached].sort(), ['gone', 'never-was']);
  t.deepEqual(await members.here.heard.until(1), [['whisper', 'psst']]);
});

test('sendToClient reaches one client', async (t) => {
  const { server, members } = await audience(t, ['client-1', 'client-2']);

  await server.sendToClient('client-1', 'letter', { lines: ['Dear client'] });
  await server.broadcast('notice', 'end');

  t.deepEqual(await members['client-1'].heard.until(2), [
    ['letter', { lines: ['Dear client'] }],
    ['notice', 'end'],
  ]);
  t.deepEqual(await members['client-2'].heard.until(1), [['notice', 'end']]);
});

test('sendToClient to an unknown id rejects', async (t) => {
  const { server } = await audience(t, []);

  const error = await failure(() => server.sendToClient('nobody', 'letter', {}));

  t.true(error instanceof IpcError);
  t.regex(error.code, /^IPC_ERR_/);
  t.regex(error.message, /nobody/);
});

test('sendToClient rejects once the client is gone', async (t) => {
  const { server, members } = await audience(t, ['leaver']);
  const left = once(server, 'clientDisconnect');
  await members.leaver.client.disconnect();
  await left;

  t.true((await failure(() => server.sendToClient('leaver', 'letter', {}))) instanceof IpcError);
});

test('broadcast to nobody resolves', async (t) => {
  const { server } = await audience(t, []);
  await t.notThrowsAsync(server.broadcast('notice', {}));
});

test('a stopped client does not hold up the others and is disconnected after writeTimeout', async (t) => {
  const { socketPath, server, members } = await audience(t, ['quick'], { writeTimeout: 500 });
  const child = startChild(t, 'client', { client: { id: 'stage', socketPath, clientId: 'stuck', heartbeat: false } });
  await child.report('connected');
  const gone = once(server, 'clientDisconnect');
  server.on('error', () => {});

  child.kill('SIGSTOP');
  const chunk = 'x'.repeat(65536);
  for (let count = 1; count <= 100; count++) {
    await server.broadcast('bulk', chunk);
    await members.quick.heard.until(count);
  }

  const [clientId, reason] = await gone;
  t.is(clientId, 'stuck');
  t.is(typeof reason, 'string');
  t.deepEqual(server.getClientIds(), ['quick']);
});

test("slowConsumer: 'drop-oldest' keeps a stopped client and the newest messages", async (t) => {
  const { socketPath, server, members } = await audience(t, ['quick'], {
    slowConsumer: 'drop-oldest',
    writeTimeout: 500,
  });
  const child = startChild(t, 'client', { client: { id: 'stage', socketPath, clientId: 'stuck', heartbeat: false } });
  await child.report('connected');
  server.on('error', () => {});

  child.kill('SIGSTOP');
  const chunk = 'x'.repeat(65536);
  for (let count = 1; count <= 100; count++) {
    await server.broadcast('bulk', chunk);
    await members.quick.heard.until(count);
  }
  await server.broadcast('note', 'the newest');
  child.kill('SIGCONT');

  t.is((await child.report('note')).payload, 'the newest');
  const { taken } = await server.requestClient('stuck', 'taken', {});
  t.true(taken > 0 && taken < 100, `took ${taken} of 100`);
});

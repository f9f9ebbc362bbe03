import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, recorder, startChild, tempSocket, within } from '../support/helpers.cjs';

const MIB = 1024 * 1024;

/** A client connected to a server process that can be stopped, and a second server to pass the time with. */
async function stoppable(t: any, clientOptions: object = {}) {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'server', { server: { id: 'flow', socketPath, heartbeat: false } });
  await child.report('ready');
  const client = closeAfter(
    t,
    SmartIpc.createClient({ id: 'flow', socketPath, heartbeat: false, timeout: 60000, ...clientOptions }),
  );
  await client.connect();
  await client.request('echo', 'warm');

  const otherPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'beside', socketPath: otherPath }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const beside = closeAfter(t, SmartIpc.createClient({ id: 'beside', socketPath: otherPath }));
  await beside.connect();
  const passTime = async () => {
    for (let round = 0; round < 50; round++) await beside.request('echo', round);
  };
  return { child, client, passTime };
}

test('sendMessage resolves below the high-water mark although nobody reads', async (t) => {
  const { child, client } = await stoppable(t);
  child.kill('SIGSTOP');

  for (let count = 0; count < 8; count++) {
    await within(client.sendMessage('bulk', 'x'.repeat(MIB / 16)), `message ${count}`);
  }
  t.pass();
});

test('sendMessage waits above the high-water mark until the peer reads', async (t) => {
  const { child, client, passTime } = await stoppable(t);
  child.kill('SIGSTOP');
  const settled = recorder();

  const sends = Array.from({ length: 6 }, () => client.sendMessage('bulk', 'x'.repeat(MIB)));
  for (const send of sends) send.then(settled, settled);
  await passTime();
  t.true(settled.calls.length < sends.length, 'a message above the mark must wait');

  child.kill('SIGCONT');
  await within(Promise.all(sends), 'the messages once the peer reads');
  t.is(await client.request('echo', 'after them'), 'after them');
});

test('L6: sendMessage rejects at the cap, and the queue survives it', async (t) => {
  const { child, client } = await stoppable(t);
  client.on('error', () => {});
  child.kill('SIGSTOP');

  const sends = Array.from({ length: 40 }, () => client.sendMessage('bulk', 'x'.repeat(MIB)));
  const results = Promise.allSettled(sends);
  const error = await failure(() => Promise.all(sends));
  t.true(error instanceof IpcError);
  t.regex(error.code, /^IPC_ERR_/);

  child.kill('SIGCONT');
  const statuses = (await within(results, 'the accepted messages')).map(({ status }) => status);
  const accepted = statuses.filter((status) => status === 'fulfilled').length;
  t.true(accepted >= 8 && accepted < 40, `${accepted} of 40 accepted`);
  t.deepEqual(statuses, [...statuses].sort(), 'the first ones were accepted');
  t.is(await client.request('echo', 'after them'), 'after them');
});

test('queuedBytes shows what waits', async (t) => {
  const { child, client, passTime } = await stoppable(t);
  t.is(client.getStats().metrics.queuedBytes, 0);
  child.kill('SIGSTOP');
  const sends = Array.from({ length: 4 }, () => client.sendMessage('bulk', 'x'.repeat(MIB)));
  await passTime();
  t.true(client.getStats().metrics.queuedBytes > MIB);

  child.kill('SIGCONT');
  await Promise.all(sends);
  await client.request('echo', 1);
  t.is(client.getStats().metrics.queuedBytes, 0);
});

test('an oversize message is refused with its size and the limit', async (t) => {
  const { client } = await stoppable(t, { maxMessageSize: 65536 });

  for (const call of [
    () => client.sendMessage('bulk', 'x'.repeat(70000)),
    () => client.request('echo', 'x'.repeat(70000)),
  ]) {
    const error = await failure(call);
    t.true(error instanceof IpcError);
    const [, size, limit] = /^Message size (\d+) exceeds maximum (\d+)/.exec(error.message) || [];
    t.true(Number(size) >= 70000, error.message);
    t.is(Number(limit), 65536);
  }
  t.is(await client.request('echo', 'small'), 'small');
});

test('a message just below the default limit passes', async (t) => {
  const { client } = await stoppable(t);
  const payload = 'x'.repeat(8 * MIB - 4096);

  t.is((await client.request('echo', payload)).length, payload.length);
});

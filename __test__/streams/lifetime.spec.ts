// Ends of connections and processes with streams in the middle.
import fs from 'fs';
import path from 'path';
import { Readable } from 'stream';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, deferred, failure, once, recorder, startChild, tempDir, tempSocket, within } from '../support/helpers.cjs';
import { MIB, arrival, arrivals, bothWays, collect, ending, hash, kept, noise, nothingKept, pair } from '../support/streams.mjs';

/** Streams get as long as other work to finish. */
const GRACE = 5000;

function endless() {
  return new Readable({
    read() {
      this.push(Buffer.alloc(16 * 1024));
    },
  });
}

const closing: Record<string, (ends: any) => Promise<void>> = {
  'disconnect()': ({ client }) => client.disconnect(),
  'stop()': ({ server }) => server.stop(),
};

for (const [name, close] of Object.entries(closing)) {
  // Serial: the grace of stop() is not for other tests to use up.
  bothWays(test.serial, `a stream that finishes during ${name} arrives whole`, async (t, { receiver, send }, ends) => {
    const bytes = noise(6 * MIB);
    const arrived = arrival(receiver);
    const go = deferred();
    const sent = send((async function* () {
      yield bytes.subarray(0, MIB);
      await go.promise;
      yield bytes.subarray(MIB);
    })());
    const [, readable] = await arrived;
    const begun = Date.now();
    const closed = close(ends);
    const collected = collect(readable);
    go.resolve();
    t.is(hash(await within(collected, 'the bytes')), hash(bytes));
    t.is(await within(sent, 'the sender'), undefined);
    await within(closed, name);
    t.true(Date.now() - begun < GRACE, 'it waited for nothing');
    nothingKept(t, ends);
  });

  bothWays(test, `a stream that stands still ends when ${name} has waited long enough`, async (t, { receiver, send }, ends) => {
    const arrived = arrival(receiver);
    const source = endless();
    const sent = failure(() => send(source), 2 * GRACE);
    const [, , end] = await arrived;
    const begun = Date.now();

    await within(close(ends), name, 2 * GRACE);

    const took = Date.now() - begun;
    t.true(took >= GRACE - 500 && took < GRACE + 3000, `${name} took ${took} ms`);
    const error = await sent;
    t.true(['IPC_ERR_CONNECTION_LOST', 'IPC_ERR_DISCONNECTED', 'IPC_ERR_SERVER_STOPPING'].includes(error.code), error.code);
    const seen = await within<any>(end, 'the Readable');
    t.like(seen, { end: 0, errors: 1, closes: 1 });
    t.true(source.destroyed);
    nothingKept(t, ends);
  });

  bothWays(test, `a new stream after ${name} was called is refused, and holds nothing up`, async (t, { receiver, send }, ends) => {
    const streams = arrivals(receiver);
    const old = failure(() => send(endless()));
    await streams.until(1);
    const closed = close(ends);
    const error = await failure(() => send(['too late']));
    t.regex(error.code, /^IPC_ERR_(DISCONNECTED|SERVER_STOPPING|STREAM_REFUSED|UNKNOWN_CLIENT|NOT_CONNECTED)$/);
    t.is(streams.calls.length, 1);
    streams.calls[0][1].destroy();
    await old;
    await within(closed, name, GRACE / 2);
    nothingKept(t, ends);
  });
}

bothWays(test, 'disconnectClient() in the middle of a stream settles both ends', async (t, { receiver, send }, ends) => {
  const arrived = arrival(receiver);
  const source = endless();
  const sent = failure(() => send(source));
  const [, , end] = await arrived;
  await ends.server.disconnectClient(ends.client.getClientId());
  t.is((await sent).code, 'IPC_ERR_CONNECTION_LOST');
  t.like(await within<any>(end, 'the Readable'), { end: 0, errors: 1, closes: 1 });
  t.true(source.destroyed);
  nothingKept(t, ends);
});

test('sendStream after disconnect() rejects, and gives its source up', async (t) => {
  const ends = await pair(t);
  await ends.client.disconnect();
  const source = endless();
  t.is((await failure(() => ends.client.sendStream(source))).code, 'IPC_ERR_DISCONNECTED');
  t.true(source.destroyed);
  t.is((await failure(() => ends.client.sendFile(new URL(import.meta.url).pathname))).code, 'IPC_ERR_DISCONNECTED');
  await ends.server.stop();
  t.is((await failure(() => ends.server.sendStreamToClient('courier', ['x']))).code, 'IPC_ERR_UNKNOWN_CLIENT');
  nothingKept(t, ends);
});

test('a client that never gets a connection rejects its streams', async (t) => {
  const client: any = closeAfter(t, SmartIpc.createClient({ id: 'alone', socketPath: tempSocket(t), clientOnly: true, connectRetry: { enabled: false } }));
  const source = endless();
  const error = await failure(() => client.sendStream(source));
  t.is(error.code, 'ENOENT');
  t.true(source.destroyed);
  t.is(kept(client), 0);
});

// A process that dies -------------------------------------------------------------------

for (const role of ['receiver', 'sender']) {
  test(`T7: the server is killed in the middle: the client, its ${role === 'receiver' ? 'sender' : 'receiver'}, settles, reconnects and streams again`, async (t) => {
    t.timeout(60_000);
    const socketPath = tempSocket(t);
    const start = async () => {
      const child = startChild(t, 'courier-server', { socketPath, sends: role === 'sender' });
      await child.report('ready');
      return child;
    };
    let child = await start();
    const client: any = closeAfter(
      t,
      SmartIpc.createClient({ id: 'streams', socketPath, reconnectDelay: 20, maxReconnectDelay: 50 }),
    );
    client.on('error', () => {});
    const streams = arrivals(client);
    await client.connect();
    for (let round = 1; round <= 3; round++) {
      const source = endless();
      const sent = failure(() => client.sendStream(source));
      await child.report('stream');
      if (role === 'sender') await once((await streams.until(round))[round - 1][1].resume(), 'data');
      const gone = once(client, 'disconnect');

      child.kill('SIGKILL');

      await gone;
      t.like(await sent, { code: 'IPC_ERR_CONNECTION_LOST', origin: 'io' });
      t.true(source.destroyed);
      if (role === 'sender') {
        const seen = await within<any>(streams.calls[round - 1][2], 'the Readable');
        t.like(seen, { end: 0, errors: 1, closes: 1 });
        t.is(seen.error.code, 'IPC_ERR_CONNECTION_LOST');
      }
      t.is(kept(client), 0);
      const back = once(client, 'connect');
      // Calls while reconnecting wait for the connection.
      const waiting = client.sendStream(['after the storm'], { meta: 'count' });
      child = await start();
      await back;
      await within(waiting, 'a stream that waited');
      t.is((await child.report('counted')).bytes, 15);
    }
  });
}

test('T7: clients killed in the middle leave the server nothing, and their files no half', async (t) => {
  t.timeout(60_000);
  const socketPath = tempSocket(t);
  const dir = tempDir(t);
  const server: any = closeAfter(t, SmartIpc.createServer({ id: 'streams', socketPath }));
  server.on('error', () => {});
  const saves = recorder();
  const ended = recorder();
  server.on('stream', (info: any, readable: any) => {
    const saving = (SmartIpc as any).pipeStreamToFile(readable, path.join(dir, `${info.clientId}.bin`));
    saving.catch((error: any) => ended(error));
    readable.once('progress', () => saves());
  });
  await server.start();
  for (let round = 1; round <= 5; round++) {
    const child = startChild(t, 'streaming', { scenario: 'bystander', socketPath, file: '/dev/null' });
    await saves.until(round);
    const [[clientId]] = await Promise.all([once(server, 'clientDisconnect'), child.kill('SIGKILL')]);
    t.truthy(clientId);
    const [error] = (await ended.until(round))[round - 1];
    t.is(error.code, 'IPC_ERR_CONNECTION_LOST');
    t.deepEqual(fs.readdirSync(dir), []);
    t.is(kept(server), 0);
  }
});

test('a peer that vanishes does not end a process without any listener', async (t) => {
  const socketPath = tempSocket(t);
  const file = path.join(tempDir(t), 'large.bin');
  fs.writeFileSync(file, '');
  fs.truncateSync(file, 200 * MIB);
  const victim = startChild(t, 'streaming', { scenario: 'victim', socketPath });
  await victim.report('ready');
  const bystander = startChild(t, 'streaming', { scenario: 'bystander', socketPath, file });
  for (let stream = 0; stream < 2; stream++) {
    await bystander.report('stream');
    await victim.report('stream');
  }

  victim.kill('SIGKILL');

  await bystander.report('disconnect');
  const { code, signal, stdout, stderr } = await bystander.exited();
  t.is(signal, null);
  t.is(code, 0, stdout + stderr);
  const events = bystander.reports.map(({ event }: any) => event);
  t.false(events.includes('uncaught'), stdout);
  t.false(events.includes('unhandledRejection'), stdout);
});

for (const finish of [true, false]) {
  test(`a process ends by itself after disconnect(), its stream ${finish ? 'finished' : 'cut off'}`, async (t) => {
    const ends = await pair(t);
    const streams = arrivals(ends.server);
    ends.server.onMessage('opened', () => streams.until(1).then(() => 'yes'));
    if (finish) ends.server.on('stream', (_info: any, readable: any) => readable.resume());
    const child = startChild(t, 'streaming', { scenario: 'leaving', socketPath: ends.socketPath, finish });
    if (!finish) {
      const { error, ms } = await child.report('left', 2 * GRACE + 5000);
      t.regex(error.code, /^IPC_ERR_/);
      t.true(ms < GRACE + 3000, `${ms} ms`);
    }
    await child.report('finished');
    t.is((await child.exited()).code, 0);
    t.like(await within<any>(streams.calls[0][2], 'the Readable'), { end: finish ? 1 : 0, errors: finish ? 0 : 1, closes: 1 });
  });
}

test('a Readable of a connection that is gone is still a Readable', async (t) => {
  const ends = await pair(t);
  const arrived = arrival(ends.server);
  ends.client.sendStream(endless()).catch(() => {});
  const [, readable, end] = await arrived;
  await ends.server.disconnectClient('courier');
  await end;
  t.true(readable.destroyed);
  t.is(readable.read(), null);
  readable.destroy(new Error('late'));
  t.is((await failure(() => collect(readable))).code !== undefined, true);
  t.like(await ending(Readable.from([]).resume()), { end: 1 });
});

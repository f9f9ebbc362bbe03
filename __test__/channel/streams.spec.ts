import fs from 'fs';
import path from 'path';
import { Readable } from 'stream';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, once, recorder, tempDir, tempSocket } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const [first, second]: any[] = [0, 1].map(() => closeAfter(t, SmartIpc.createChannel({ id: 'pair', socketPath })));
  await first.connect();
  const found = once(first, 'connect');
  await second.connect();
  await found;
  return { first, second };
}

async function all(readable: any) {
  const chunks: Buffer[] = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('streams go both ways, with what their sender says', async (t) => {
  const { first, second } = await pair(t);
  for (const [from, to] of [[first, second], [second, first]]) {
    const got = recorder();
    to.once('stream', async (info: any, readable: any) => got(info.meta, info.streamId, await all(readable)));
    const sending = from.sendStream(Readable.from(['some ', 'words']), { meta: { title: 'T' } });
    await sending;
    t.deepEqual(await got.until(1), [[{ title: 'T' }, sending.streamId, 'some words']]);
  }
});

test('files go both ways', async (t) => {
  const { first, second } = await pair(t);
  const folder = tempDir(t);
  const file = path.join(folder, 'from.txt');
  fs.writeFileSync(file, 'x'.repeat(300_000));
  for (const [index, [from, to]] of [[first, second], [second, first]].entries()) {
    const target = path.join(folder, `to-${index}.txt`);
    to.once('stream', (_info: any, readable: any) => SmartIpc.pipeStreamToFile(readable, target));
    await from.sendFile(file);
    t.is(fs.readFileSync(target, 'utf8').length, 300_000);
  }
});

test('without a listener they are refused, on either side, and again once it is gone', async (t) => {
  const { first, second } = await pair(t);
  for (const [from, to] of [[first, second], [second, first]]) {
    const send = () => from.sendStream(Readable.from(['words']));
    t.is((await failure(send)).code, 'IPC_ERR_STREAM_REFUSED');
    const listener = (_info: any, readable: any) => readable.resume();
    to.on('stream', listener);
    await send();
    to.off('stream', listener);
    t.is((await failure(send)).code, 'IPC_ERR_STREAM_REFUSED');
    to.once('stream', listener);
    await send();
    t.is((await failure(send)).code, 'IPC_ERR_STREAM_REFUSED');
    to.on('stream', listener).removeAllListeners('stream');
    t.is((await failure(send)).code, 'IPC_ERR_STREAM_REFUSED');
  }
});

test('either side cancels', async (t) => {
  const { first, second } = await pair(t);
  for (const [from, to] of [[first, second], [second, first]]) {
    const arrived = recorder();
    to.removeAllListeners('stream').on('stream', (info: any, readable: any) => {
      readable.on('error', () => {});
      arrived(info.streamId);
    });
    const endless = () => new Readable({ read() {} });
    const given = from.sendStream(endless());
    await arrived.until(1);
    t.true(from.cancelOutgoingStream(given.streamId));
    t.is((await failure(() => given)).code, 'IPC_ERR_STREAM_CANCELLED');

    const unwanted = from.sendStream(endless());
    await arrived.until(2);
    t.true(to.cancelIncomingStream(unwanted.streamId));
    t.is((await failure(() => unwanted)).code, 'IPC_ERR_STREAM_CANCELLED');
    t.false(from.cancelOutgoingStream(given.streamId));
    t.false(to.cancelIncomingStream(unwanted.streamId));
  }
});

test('a listener that fails ends its stream, and the channel is told', async (t) => {
  const { first, second } = await pair(t);
  for (const [from, to] of [[first, second], [second, first]]) {
    to.once('stream', async () => {
      throw new Error('not this one');
    });
    const failed = once(to, 'error');
    t.is((await failure(() => from.sendStream(Readable.from(['words'])))).message, 'not this one');
    t.is((await failed)[0].message, 'not this one');
  }
});

test('a stream waits for the other side, and can be given up meanwhile', async (t) => {
  const socketPath = tempSocket(t);
  const [first, second]: any[] = [0, 1].map(() => closeAfter(t, SmartIpc.createChannel({ id: 'pair', socketPath })));
  await first.connect();
  const got = recorder();
  second.on('stream', async (info: any, readable: any) => got(info.streamId, await all(readable)));

  const kept = first.sendStream(Readable.from(['words']));
  const given = first.sendStream(Readable.from(['no words']), { streamId: 'given up' });
  t.is(given.streamId, 'given up');
  t.true(first.cancelOutgoingStream('given up'));
  t.is((await failure(() => given)).code, 'IPC_ERR_STREAM_CANCELLED');
  t.true((await failure(() => first.sendStream(Readable.from(['x']), { chunkSize: 'large' }))) instanceof TypeError);

  await second.connect();
  await kept;
  t.deepEqual(await got.until(1), [[kept.streamId, 'words']]);
});

test('a hub refuses streams', async (t) => {
  const client = closeAfter(t, SmartIpc.createClient({ id: 'bus', socketPath: tempSocket(t) }));
  await client.connect();
  t.is((await failure(() => client.sendStream(Readable.from(['words'])))).code, 'IPC_ERR_STREAM_REFUSED');
});

// How far a transfer is, as both ends see it.
import fs from 'fs';
import path from 'path';
import test from 'ava';
import * as smartipc from '@push.rocks/smartipc';
import { recorder, tempDir } from '../support/helpers.cjs';
import { MIB, bothWays, noise } from '../support/streams.mjs';

const { SmartIpc } = smartipc as any;

function isRising(t: any, calls: any[][], size: number, total: number | undefined) {
  t.true(calls.length > 1, `${calls.length} calls`);
  let last = 0;
  for (const [progress] of calls) {
    t.true(progress.bytes > last, `${progress.bytes} after ${last}`);
    t.is(progress.total, total);
    last = progress.bytes;
  }
  t.is(last, size);
}

bothWays(test, 'onProgress of sendFile rises to the size of the file', async (t, { receiver, sendFile }) => {
  const file = path.join(tempDir(t), 'x');
  fs.writeFileSync(file, noise(2 * MIB + 5));
  receiver.on('stream', (_info: any, readable: any) => readable.resume());
  const seen = recorder();
  await sendFile(file, { onProgress: seen });
  isRising(t, seen.calls, 2 * MIB + 5, 2 * MIB + 5);
});

bothWays(test, 'onProgress of a stream has a total if its meta has a size', async (t, { receiver, send }) => {
  receiver.on('stream', (_info: any, readable: any) => readable.resume());
  const pieces = Array.from({ length: 20 }, () => noise(1000));
  for (const [meta, total] of [[undefined, undefined], [{ size: 20_000 }, 20_000], [{ size: 'many' }, undefined], ['text', undefined]]) {
    const seen = recorder();
    await send(pieces, { meta, onProgress: seen });
    isRising(t, seen.calls, 20_000, total as any);
  }
});

bothWays(test, "'progress' of the Readable and onProgress of the save rise to the size, total from the meta", async (t, { receiver, sendFile, send }) => {
  const dir = tempDir(t);
  const file = path.join(dir, 'x');
  fs.writeFileSync(file, noise(MIB));
  const readableSaw = recorder();
  const saveSaw = recorder();
  receiver.on('stream', (_info: any, readable: any) => {
    readable.on('progress', readableSaw);
    SmartIpc.pipeStreamToFile(readable, path.join(dir, 'saved'), { onProgress: saveSaw });
  });
  await sendFile(file);
  isRising(t, readableSaw.calls, MIB, MIB);
  isRising(t, saveSaw.calls, MIB, MIB);

  for (const seen of [readableSaw, saveSaw]) seen.calls.splice(0);
  await send([noise(300_000)]);
  isRising(t, readableSaw.calls, 300_000, undefined);
  isRising(t, saveSaw.calls, 300_000, undefined);
});

bothWays(test, 'an empty stream has no progress', async (t, { receiver, send }) => {
  const seen = recorder();
  receiver.on('stream', (_info: any, readable: any) => readable.on('progress', seen).resume());
  await send([], { onProgress: seen });
  t.is(seen.calls.length, 0);
});

// A file far larger than any buffer, both ways at once between two processes, and
// streams as fast as they go.
// SMARTIPC_BULK_MIB sets its size.
import { createHash, randomFillSync } from 'crypto';
import fs from 'fs';
import os from 'os';
import path from 'path';
import { performance } from 'perf_hooks';
import test from 'ava';
import { failure, startChild, tempSocket } from '../support/helpers.cjs';
import { mebibytes, rounds } from '../support/children/measure.cjs';
import { KIB, MIB, arrival, directions, pair, way } from '../support/streams.mjs';

const SIZE = rounds('BULK_MIB', 64) * MIB;
const PATIENCE = 60_000 + (SIZE / MIB) * 200;
/** What a process may grow by, whatever the size. */
const GROWTH = 48 * MIB;
/** A slow consumer: what it takes in a second, and for how long it is watched. */
const PACE = 5 * MIB;
const PACED = 6 * MIB;
const IN_FLIGHT = 2 * MIB;
/** Streamed each way while requests are made, and what those may take, in milliseconds. */
const SIZE_AT_ONCE = 100 * MIB;
const REQUEST_P99 = 200;

/** A folder in memory where there is one: the disk is not the subject. */
function folder(t: any) {
  const dir = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'ipc-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Writes random bytes; gives their hash. */
function fill(file: string, size: number) {
  const sha = createHash('sha256');
  const piece = Buffer.alloc(MIB);
  const fd = fs.openSync(file, 'w');
  for (let at = 0; at < size; at += piece.length) {
    const bytes = randomFillSync(piece).subarray(0, Math.min(piece.length, size - at));
    sha.update(bytes);
    fs.writeSync(fd, bytes);
  }
  fs.closeSync(fd);
  return sha.digest('hex');
}

async function hashOf(file: string) {
  const sha = createHash('sha256');
  for await (const piece of fs.createReadStream(file, { highWaterMark: MIB })) sha.update(piece);
  return sha.digest('hex');
}

test.serial(`T1: ${SIZE / MIB} MiB both ways at once: equal, and no more memory than for a small file`, async (t) => {
  t.timeout(2 * PATIENCE);
  const dir = folder(t);
  const socketPath = tempSocket(t);
  const warmUp = path.join(dir, 'warm-up');
  fill(warmUp, 16 * MIB);
  const roles = ['server', 'client'];
  const hashes = roles.map((role) => fill(path.join(dir, role), SIZE + 4321));
  const children: any[] = [];
  for (const role of roles) {
    const config = { role, socketPath, warmUp, file: path.join(dir, role), target: path.join(dir, `from-the-other-${role}`) };
    const child: any = startChild(t, 'bulk', config, { channel: true });
    await child.report('ready');
    children.push(child);
  }
  for (const child of children) await child.report('warm', PATIENCE);
  for (const child of children) child.process.send('go');

  for (const [index, child] of children.entries()) {
    const { before, grown, seconds } = await child.report('done', PATIENCE);
    t.true(grown <= GROWTH, `${roles[index]}: ${mebibytes(before)}, then ${mebibytes(grown)} more`);
    t.log(`${roles[index]}: ${mebibytes(before)} and ${mebibytes(grown)} more at most; ${Math.round(SIZE / MIB / seconds)} MiB/s each way`);
  }
  for (const child of children) child.process.send('leave');
  for (const child of children) t.is((await child.exited()).code, 0);
  t.is(await hashOf(path.join(dir, 'from-the-other-client')), hashes[0]);
  t.is(await hashOf(path.join(dir, 'from-the-other-server')), hashes[1]);
});

for (const direction of directions) {
  test.serial(`T2: ${direction}: a consumer of ${PACE / MIB} MiB a second has at most ${IN_FLIGHT / MIB} MiB under way`, async (t) => {
    const ends = await pair(t);
    const { receiver, send } = way(direction, ends);
    const arrived = arrival(receiver);
    let taken = 0;
    const piece = Buffer.alloc(32 * KIB);
    async function* source() {
      for (;;) {
        taken += piece.length;
        yield piece;
      }
    }
    const sent = failure(() => send(source()), 30_000);
    const [, readable] = await arrived;
    let read = 0;
    let most = 0;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        for (let budget = PACE / 50; budget > 0; ) {
          const bytes = readable.read();
          if (bytes === null) break;
          budget -= bytes.length;
          read += bytes.length;
        }
        most = Math.max(most, taken - read);
        if (read < PACED) return;
        clearInterval(timer);
        resolve();
      }, 20);
    });
    t.true(most <= IN_FLIGHT, `${mebibytes(most)} under way`);
    t.log(`at most ${mebibytes(most)} under way`);
    readable.destroy();
    await sent;
  });
}

test.serial(`T9: ${SIZE_AT_ONCE / MIB} MiB in either direction at once leave requests their time`, async (t) => {
  t.timeout(PATIENCE);
  const ends = await pair(t);
  const { server, client } = ends;
  server.onMessage('echo', (payload: any) => payload);
  const piece = randomFillSync(Buffer.alloc(64 * KIB));
  function* source() {
    for (let left = SIZE_AT_ONCE; left > 0; left -= piece.length) yield piece;
  }
  const done = directions.map(async (direction) => {
    const { receiver, send } = way(direction, ends);
    const arrived = arrival(receiver);
    const sent = send(source());
    const [, readable] = await arrived;
    let read = 0;
    for await (const bytes of readable) read += bytes.length;
    await sent;
    return read;
  });
  let busy = true;
  const moved = Promise.all(done).finally(() => (busy = false));
  const times: number[] = [];
  while (busy) {
    const asked = performance.now();
    t.is(await client.request('echo', times.length), times.length);
    times.push(performance.now() - asked);
  }
  t.deepEqual(await moved, [SIZE_AT_ONCE, SIZE_AT_ONCE]);
  t.true(times.length >= 20, `${times.length} requests`);
  const p99 = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)];
  t.true(p99 <= REQUEST_P99, `p99 ${p99.toFixed(1)} ms of ${times.length} requests`);
  t.log(`p99 ${p99.toFixed(1)} ms of ${times.length} requests`);
});

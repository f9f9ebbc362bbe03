'use strict';

// npm run test:soak -- --minutes 30 --memory 300
//
// Mixed traffic between a server and clients in processes of their own, some of
// which are killed, stopped or too slow, or are threads that are terminated, all
// inside a limit of memory. Each ten seconds it notes what each process holds, in
// the end how that grew after the warm-up. Fails on a crash, a call that hangs or
// is unaccounted for, a wrong answer, or growth.
//
//   --minutes 10     a fraction will do; growth is judged from ten minutes on
//   --memory 300     of all processes together, in MiB; 0 is no limit
//   --only request   one activity between one client and the server
//   --keep           with what the C library keeps of freed memory

const { fork } = require('child_process');
const { once } = require('events');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { setTimeout: sleep } = require('timers/promises');

const { limitMemory } = require('./limit.js');
const { ACTIVITIES } = require('./traffic.js');

const VICTIMS = 3;
/** Between two kills or halts. */
const PAUSE = [200, 3000];
const HALT = 4000;
const SAMPLE_EVERY = 10_000;
/** Of which nothing is judged: the first half, and at most so many minutes. */
const WARM_UP = 10;
const LONG_ENOUGH = 10;
/** What may grow by how much a minute; memory in KiB. */
const LIMITS = { rss: 50, descriptors: 0.1, threads: 0.1 };
/** How long a process that hangs says nothing, or makes no calls: longer than what is
 * under way may take, and a server to stop, on a machine that is busy with other things. */
const PATIENCE = 240_000;
/** glibc is to give back what is freed: what it would keep at most grows with the highest
 * of all peaks, for hours, and hides leaks. `--keep` leaves it as it is. */
const GIVE_BACK = { MALLOC_MMAP_THRESHOLD_: '16384', MALLOC_TRIM_THRESHOLD_: '65536', MALLOC_ARENA_MAX: '2' };
const V8 = ['--expose-gc', '--max-semi-space-size=1', '--max-old-space-size=64'];

const children = new Map();
const expected = new WeakSet();
const faults = [];
let ending = false;

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}

async function main() {
  const minutes = Number(option('minutes', 10));
  const memory = Number(option('memory', 300));
  const only = option('only');
  if (!(minutes > 0) || !(memory >= 0) || (only !== undefined && !ACTIVITIES[only])) {
    throw new RangeError(`--minutes and --memory take a number, --only one of ${Object.keys(ACTIVITIES).join(', ')}`);
  }
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'soak-'));
  const socketPath = path.join(directory, 'soak.sock');
  const group = memory > 0 ? limitMemory(memory) : undefined;
  process.on('exit', () => {
    for (const child of children.values()) child.kill('SIGKILL');
    fs.rmSync(directory, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

  await run('server', socketPath, 'server', only);
  await run('client', socketPath, 'steady', only);
  const troubles = only ? Promise.resolve(0) : trouble(socketPath);
  const samples = await watch(minutes);
  ending = true;
  const count = await troubles;
  await finish();

  judge(samples, minutes);
  console.log(`${count} kills and halts`);
  if (group !== undefined) {
    console.log(`at most ${(group.peak() / 1024 / 1024).toFixed(0)} of ${memory} MiB in use`);
    if (group.kills() > 0) fault(`${group.kills()} processes were killed for want of memory`);
    group.leave();
  }
  for (const text of faults) console.log(`FAULT ${text}`);
  console.log(faults.length > 0 ? 'failed' : 'passed');
  process.exit(faults.length > 0 ? 1 : 0);
}

function fault(text) {
  faults.push(text);
}

async function run(role, socketPath, name, only = '') {
  const env = process.argv.includes('--keep') ? process.env : { ...process.env, ...GIVE_BACK };
  const child = fork(path.join(__dirname, 'roles.js'), [role, socketPath, name, only], { execArgv: V8, env });
  children.set(name, child);
  child.on('exit', (code, signal) => {
    if (children.get(name) === child) children.delete(name);
    if (!expected.has(child) && (code !== 0 || !ending)) fault(`${name} ended with ${code === null ? signal : code}`);
  });
  await heard(child, name);
}

/** Kills and halts clients until the end; resolves with how often. */
async function trouble(socketPath) {
  await run('slow', socketPath, 'slow');
  await run('threads', socketPath, 'threads');
  for (let index = 0; index < VICTIMS; index++) await run('client', socketPath, `victim-${index}`);
  let count = 0;
  for (; !ending; count++) {
    await sleep(PAUSE[0] + Math.random() * (PAUSE[1] - PAUSE[0]));
    const name = `victim-${Math.floor(Math.random() * VICTIMS)}`;
    const victim = children.get(name);
    if (ending || victim === undefined) continue;
    if (Math.random() < 0.5) {
      expected.add(victim);
      victim.kill('SIGKILL');
      await run('client', socketPath, name);
    } else {
      victim.kill('SIGSTOP');
      await sleep(Math.random() * HALT);
      victim.kill('SIGCONT');
    }
  }
  return count;
}

/** Samples of those that stay, by name. */
async function watch(minutes) {
  const samples = new Map();
  const begun = Date.now();
  const end = begun + minutes * 60_000;
  for (let at = begun; at < end && faults.length === 0; ) {
    at = Math.min(at + SAMPLE_EVERY, end);
    await sleep(Math.max(0, at - Date.now()));
    for (const [name, child] of children) {
      if (name.startsWith('victim') || !child.connected) continue;
      const sample = await ask(child, name, 'how are you?');
      if (sample === undefined) continue;
      const last = samples.get(name) || [];
      const now = Date.now();
      const before = last[last.length - 1];
      const moved = before === undefined || sample.made > before.made ? now : before.moved;
      if (name !== 'slow' && now - moved > PATIENCE) fault(`${name} makes no calls any more`);
      samples.set(name, [...last, { ...sample, at: (now - begun) / 60_000, moved }]);
    }
    const shown = [...samples].map(([name, all]) => {
      const { rss, v8, heap, descriptors, threads, pending, made } = all[all.length - 1];
      const [total, js, native] = [rss, v8, heap].map((kib) => (kib / 1024).toFixed(1));
      return `${name} ${total} MiB (V8 ${js}, heap ${native}) ${descriptors} fd ${threads} thr ${pending} open ${made} made`;
    });
    console.log(`${((at - begun) / 60_000).toFixed(1)} min: ${shown.join(' | ')}`);
  }
  return samples;
}

async function ask(child, name, question) {
  const answered = heard(child, name);
  child.send(question);
  const sample = await answered;
  for (const text of (sample && sample.wrong) || []) fault(`${name}: ${text}`);
  return sample;
}

/** The next word of a process; undefined if it never says one. */
async function heard(child, name) {
  const over = new AbortController();
  const late = sleep(PATIENCE, undefined, { signal: over.signal }).then(
    () => fault(`${name} hangs`),
    () => {}
  );
  const word = once(child, 'message', { signal: over.signal }).then(([first]) => first, () => undefined);
  const end = once(child, 'exit', { signal: over.signal }).then(() => undefined, () => undefined);
  const first = await Promise.race([word, end, late]);
  over.abort();
  return first;
}

/** Clients first, the server last; none may keep anything. */
async function finish() {
  const names = [...children.keys()].filter((name) => name !== 'server');
  for (const name of [...names, 'server']) {
    const child = children.get(name);
    if (child === undefined) continue;
    const last = await ask(child, name, 'finish');
    if (last === undefined) continue;
    console.log(`${name}: ${last.made} calls, failed ${JSON.stringify(last.failed)}, closed ${JSON.stringify(last.closeReasons)}`);
    // Its group can't be removed while it is in there.
    if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
    if (last.pending + (last.requestsPending || 0) + (last.queued || 0) > 0) {
      fault(`${name} is left with ${last.pending} calls, ${last.requestsPending} requests, ${last.queued} bytes`);
    }
  }
}

function judge(samples, minutes) {
  const warm = Math.min(WARM_UP, minutes / 2);
  for (const [name, all] of samples) {
    const late = minima(all.filter(({ at }) => at >= warm));
    const growth = Object.keys(LIMITS).map((key) => {
      const grows = slope(late.map((sample) => [sample.at, sample[key]]));
      if (minutes >= LONG_ENOUGH && grows > LIMITS[key]) fault(`${name}: ${key} grows by ${grows.toFixed(2)} a minute`);
      return `${key} ${grows.toFixed(2)}`;
    });
    console.log(`${name}, growth a minute after ${warm.toFixed(1)} min: ${growth.join(', ')}`);
  }
}

/** The least of each minute: what is under way at the moment says nothing of leaks. */
function minima(samples) {
  const minutes = new Map();
  for (const sample of samples) {
    const minute = Math.floor(sample.at);
    const least = minutes.get(minute) || { at: minute, looks: 0 };
    for (const key of Object.keys(LIMITS)) least[key] = Math.min(sample[key], key in least ? least[key] : Infinity);
    minutes.set(minute, { ...least, looks: least.looks + 1 });
  }
  // The least of a single look, at the end of the last minute, is no least.
  const all = [...minutes.values()];
  return all.filter(({ looks }) => all.length < LONG_ENOUGH / 2 || looks >= 30_000 / SAMPLE_EVERY);
}

/** Of the straight line through the points, by least squares. */
function slope(points) {
  const mean = (index) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return spread === 0 ? 0 : points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread;
}

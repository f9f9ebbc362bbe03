// Every example runs, in processes of its own, and prints what it promises.

import { spawn } from 'child_process';
import fs from 'fs';
import path from 'path';
import { fileURLToPath } from 'url';
import test from 'ava';
import type { ExecutionContext } from 'ava';

import { childEnv, freePort, tempDir, tempSocket, within } from '../support/helpers.cjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const examples = path.join(root, 'examples');

/** One process of an example. */
function run(t: ExecutionContext<any>, script: string, args: (string | number)[] = [], env: Record<string, string> = {}) {
  // Node 20 runs TypeScript with the loader of these tests.
  const loader = script.endsWith('.ts') ? ['--import', path.join(root, 'scripts/register-ts.mjs')] : [];
  const child = spawn(process.execPath, [...loader, path.join(examples, script), ...args.map(String)], {
    env: childEnv({}, env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const waiting = new Set<() => void>();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      for (const check of waiting) check();
    });
  }
  const ended = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => resolve(code === null ? signal! : code));
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    output: () => output,
    lines: () => output.trim().split('\n'),
    /** Waits until it has printed this. */
    async saw(text: string) {
      const seen = new Promise<void>((resolve) => {
        const check = () => output.includes(text) && resolve();
        waiting.add(check);
        check();
      });
      const early = ended.then((end) => {
        if (!output.includes(text)) throw new Error(`${script} ended with ${end} before it printed "${text}":\n${output}`);
      });
      await within(Promise.race([seen, early]), `${script} to print "${text}"`);
    },
    /** Waits for its end, which has to be a good one unless said otherwise. */
    async ends(code: number = 0) {
      t.is(await within(ended, `the end of ${script}`), code, `${script}:\n${output}`);
    },
  };
}

test('quick start', async (t) => {
  const socketPath = tempSocket(t);
  const server = run(t, 'quick-start/server.mjs', [socketPath]);
  await server.saw('Server is ready');
  const client = run(t, 'quick-start/client.mjs', [socketPath]);
  await Promise.all([client.ends(), server.ends()]);
  t.true(client.output().includes('Server said: Hello World!'));
});

test('job workers: all jobs are done, that of a killed worker too', async (t) => {
  const socketPath = tempSocket(t);
  const boss = run(t, 'job-workers/boss.mjs', [socketPath, 30]);
  await boss.saw('30 jobs wait for workers');
  // This one takes a job and never finishes it.
  const dying = run(t, 'job-workers/worker.mjs', [socketPath, 60000]);
  const slow = run(t, 'job-workers/worker.mjs', [socketPath, 100]);
  await Promise.all([dying.saw('job '), slow.saw('job ')]);
  // The slow one leaves it time to come before all is done.
  const fast = run(t, 'job-workers/worker.mjs', [socketPath, 5]);
  await fast.saw('job ');
  dying.child.kill('SIGKILL');
  await Promise.all([boss.ends(), fast.ends(), slow.ends()]);

  const squares = boss.lines().filter((line) => line.includes('squared is'));
  t.deepEqual(squares.sort(), Array.from({ length: 30 }, (_, at) => `${at + 1} squared is ${(at + 1) ** 2}`).sort());
  const did = (pid?: number) => Number(new RegExp(`worker-${pid} did (\\d+) jobs`).exec(boss.output())?.[1] || 0);
  t.is(did(fast.child.pid) + did(slow.child.pid), 30);
  t.regex(boss.output(), /job \d+ is given back: IPC_ERR_CONNECTION_LOST/);
  t.true(fast.output().includes('the boss has gone (server_stopping)'));
});

test('event bus: * is one segment, ** any number', async (t) => {
  const socketPath = tempSocket(t);
  const bus = run(t, 'event-bus/bus.mjs', [socketPath]);
  await bus.saw('the bus runs');
  const subscriber = run(t, 'event-bus/subscriber.mjs', [socketPath]);
  await subscriber.saw('subscribed');
  const publisher = run(t, 'event-bus/publisher.mjs', [socketPath]);
  await Promise.all([publisher.ends(), subscriber.ends()]);
  bus.child.kill('SIGTERM');
  await bus.ends();

  t.deepEqual(subscriber.lines(), [
    'subscribed',
    'order.created: order 7',
    'order.item.added: tea (from shop)',
    'order.paid: order 7',
    'stock.item.tea.low: tea (from shop)',
  ]);
});

test('command line and daemon: without a daemon it says so', async (t) => {
  const SOCKET = tempSocket(t);
  const call = async (args: string[], code = 0) => {
    const cli = run(t, 'cli-daemon/cli.mjs', args, { SOCKET });
    await cli.ends(code);
    return cli.output().trim();
  };
  t.is(await call(['list'], 1), 'the daemon does not run');

  const daemon = run(t, 'cli-daemon/daemon.mjs', [SOCKET]);
  await daemon.saw('the daemon runs');
  t.is(await call(['list']), 'nothing');
  t.is(await call(['add', 'oat', 'milk']), '');
  t.is(await call(['add', 'tea']), '');
  t.is(await call(['add', 'tea'], 1), 'tea is on the list already');
  t.is(await call(['list']), 'oat milk\ntea');
  t.is(await call(['burn'], 1), 'no such command: burn');
  t.is(await call(['stop']), '');
  await daemon.ends();
  t.is(await call(['list'], 1), 'the daemon does not run');
});

test('TCP: only who knows the token is served', async (t) => {
  const port = await freePort();
  const server = run(t, 'tcp-token/server.mjs', [port], { TOKEN: 'secret' });
  await server.saw(`listening on port ${port}`);
  const stranger = run(t, 'tcp-token/client.mjs', [port], { TOKEN: 'guessed' });
  await stranger.ends(1);
  t.is(stranger.output(), 'the token is wrong\n');

  const client = run(t, 'tcp-token/client.mjs', [port], { TOKEN: 'secret' });
  await Promise.all([client.ends(), server.ends()]);
  t.regex(client.output(), /^it is \S+Z for visitor\n$/);
});

test('file drop: files arrive whole, with progress, and only in the folder', async (t) => {
  const socketPath = tempSocket(t);
  const from = tempDir(t);
  const folder = tempDir(t);
  const bytes = Buffer.alloc(3 * 1024 * 1024, 'smartipc ');
  fs.writeFileSync(path.join(from, 'big.bin'), bytes);
  fs.writeFileSync(path.join(from, 'empty.txt'), '');

  const server = run(t, 'file-drop/server.mjs', [socketPath, folder]);
  await server.saw('files go to');
  const clients = ['big.bin', 'empty.txt'].map((name) => run(t, 'file-drop/client.mjs', [socketPath, path.join(from, name)]));
  await Promise.all(clients.map((client) => client.ends()));
  await server.saw('took big.bin from');
  await server.saw('took empty.txt from');
  const absent = run(t, 'file-drop/client.mjs', [socketPath, path.join(from, 'absent')]);
  await absent.ends(1);
  t.regex(absent.output(), /^not sent: /);
  server.child.kill('SIGTERM');
  await server.ends();

  t.deepEqual(fs.readdirSync(folder).sort(), ['big.bin', 'empty.txt']);
  t.true(fs.readFileSync(path.join(folder, 'big.bin')).equals(bytes));
  const percents = clients[0].lines().filter((line) => line.endsWith('%')).map(parseFloat);
  t.deepEqual(percents, [...percents].sort((a, b) => a - b));
  t.is(percents.pop(), 100);
});

test('typed contract', async (t) => {
  const socketPath = tempSocket(t);
  const server = run(t, 'typed-contract/server.ts', [socketPath]);
  await server.saw('the server runs');
  const client = run(t, 'typed-contract/client.ts', [socketPath]);
  await Promise.all([client.ends(), server.ends()]);
  // A topic and an answer may come in either order.
  t.deepEqual(client.lines().sort(), ['finished', 'read the docs', 'todo.added: read the docs', 'todo.finished: number 1']);
  t.true(server.output().includes('reader: hello'));
});

test('all examples are listed, and are short', (t) => {
  const list = fs.readFileSync(path.join(examples, 'README.md'), 'utf8');
  const folders = fs.readdirSync(examples, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) {
    t.true(list.includes(`[${name}](${name})`), name);
    for (const file of fs.readdirSync(path.join(examples, name))) {
      t.true(fs.readFileSync(path.join(examples, name, file), 'utf8').split('\n').length <= 61, `${name}/${file}`);
    }
  }
});

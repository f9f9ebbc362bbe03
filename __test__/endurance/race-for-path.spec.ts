import fs from 'fs';
import net from 'net';
import path from 'path';
import readline from 'readline';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, staleSocket, startChild, tempDir, tempSocket, within } from '../support/helpers.cjs';
import { rounds } from '../support/children/measure.cjs';

const RACES = rounds('RACES', 10);
const RACERS = 6;
const PATIENCE = 20_000;

/** Processes that wait for the gun, each with the lines it says. */
async function startingGun(t: any) {
  const gunPath = tempSocket(t, 'gun.sock');
  const arrivals: any[] = [];
  const waiting: ((racer: any) => void)[] = [];
  const gun = net.createServer((socket) => {
    const lines = readline.createInterface({ input: socket })[Symbol.asyncIterator]();
    const racer = {
      pid: 0,
      hear: async () => JSON.parse((await within(lines.next(), "a racer's line", PATIENCE)).value),
      tell: (order: object) => socket.write(`${JSON.stringify(order)}\n`),
    };
    socket.on('error', () => {});
    racer.hear().then(({ pid }) => {
      racer.pid = pid;
      const next = waiting.shift();
      if (next) next(racer);
      else arrivals.push(racer);
    }, () => {});
  });
  await new Promise<void>((resolve) => gun.listen(gunPath, resolve));
  t.teardown(() => gun.close());

  const children = new Map<number, any>();
  const nextRacer = async () => {
    const child = startChild(t, 'racer', { gun: gunPath });
    children.set(child.pid, child);
    const arrived = new Promise<any>((resolve) => {
      const racer = arrivals.shift();
      if (racer) resolve(racer);
      else waiting.push(resolve);
    });
    return within(arrived, 'a racer', PATIENCE);
  };
  const kill = async (pid: number) => {
    children.get(pid).kill('SIGKILL');
    await children.get(pid).exited();
    children.delete(pid);
  };
  return { nextRacer, kill };
}

/** A stale file of a program without the library, made without a process to kill. */
async function foreignStale(socketPath: string) {
  const elsewhere = `${socketPath}.live`;
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(elsewhere, resolve));
  fs.linkSync(elsewhere, socketPath);
  await new Promise((resolve) => server.close(resolve));
}

async function race(t: any, racers: any[], order: { socketPath: string; cleanup: boolean }) {
  for (const racer of racers) racer.tell(order);
  const outcomes = await Promise.all(racers.map((racer) => racer.hear()));
  const winners = outcomes.filter(({ won }) => won);
  t.is(winners.length, 1, JSON.stringify(outcomes));
  for (const { won, code, ready } of outcomes) {
    if (!won) t.is(code, 'EADDRINUSE', JSON.stringify(outcomes));
    if (!won) t.false(ready);
  }
  const client = SmartIpc.createClient({ id: 'race', socketPath: order.socketPath, clientOnly: true, autoReconnect: false });
  await client.connect();
  t.deepEqual(await client.request('who', {}), { pid: winners[0].pid });
  await client.disconnect();
  const directory = path.dirname(order.socketPath);
  const name = path.basename(order.socketPath);
  t.deepEqual(fs.readdirSync(directory).sort(), [name, `${name}.lock`]);
  return winners[0].pid;
}

test.serial(`${RACERS} servers released at once on the path of a killed one, ${RACES} times`, async (t) => {
  t.timeout(60_000 + RACES * 5000);
  const { nextRacer, kill } = await startingGun(t);
  const socketPath = tempSocket(t);
  let racers: any[] = await Promise.all(Array.from({ length: RACERS }, nextRacer));
  const wins = new Map<number, number>();
  for (let round = 0; round < RACES; round++) {
    // The first finds an empty path, the others what the last winner left.
    const pid = await race(t, racers, { socketPath, cleanup: true });
    const lane = racers.findIndex((racer) => racer.pid === pid);
    wins.set(lane, (wins.get(lane) || 0) + 1);
    await kill(pid);
    t.true(fs.lstatSync(socketPath).isSocket(), 'kill -9 leaves the file behind');
    racers[lane] = await nextRacer();
  }
  t.log(`wins by lane: ${[...wins].sort(([a], [b]) => a - b).map(([, count]) => count).join(', ')}`);
});

test.serial(`${RACERS} servers released at once on the stale file of another program, ${Math.ceil(RACES / 3)} times`, async (t) => {
  t.timeout(60_000 + RACES * 5000);
  const { nextRacer, kill } = await startingGun(t);
  let racers: any[] = await Promise.all(Array.from({ length: RACERS }, nextRacer));
  for (let round = 0; round < RACES; round += 3) {
    const socketPath = path.join(tempDir(t), 'foreign.sock');
    await foreignStale(socketPath);
    const pid = await race(t, racers, { socketPath, cleanup: true });
    await kill(pid);
    racers = await Promise.all(racers.map((racer) => (racer.pid === pid ? nextRacer() : racer)));
  }
});

/** Connections until the kernel takes no more of them. */
async function fillBacklog(t: any, socketPath: string) {
  const sockets: net.Socket[] = [];
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  for (;;) {
    const socket = net.connect(socketPath);
    const code = await new Promise<string>((resolve) => {
      socket.once('connect', () => resolve(''));
      socket.once('error', (error: any) => resolve(error.code));
    });
    if (code) {
      t.is(code, 'EAGAIN');
      return sockets;
    }
    socket.on('error', () => {});
    sockets.push(socket);
  }
}

async function isRefused(t: any, socketPath: string) {
  const inode = fs.lstatSync(socketPath).ino;
  const { nextRacer } = await startingGun(t);
  const racers: any[] = await Promise.all(Array.from({ length: 3 }, nextRacer));
  for (const cleanup of [true, false]) {
    for (const racer of racers) racer.tell({ socketPath, cleanup });
    for (const racer of racers) t.like(await racer.hear(), { won: false, code: 'EADDRINUSE', ready: false });
  }
  t.is(fs.lstatSync(socketPath).ino, inode);
}

test.serial('a living server is never displaced', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'server', { server: { id: 'race', socketPath } });
  await child.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'race', socketPath }));
  await client.connect();

  await isRefused(t, socketPath);

  t.deepEqual(await client.request('whoami', {}), { pid: child.pid });
  const newcomer = closeAfter(t, SmartIpc.createClient({ id: 'race', socketPath }));
  t.deepEqual(await newcomer.request('whoami', {}), { pid: child.pid });
});

test.serial('a server that stands still, with a full backlog, is never displaced', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'server', { server: { id: 'race', socketPath, heartbeat: false } });
  await child.report('ready');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'race', socketPath, heartbeat: false }));
  await client.connect();
  child.kill('SIGSTOP');
  t.teardown(() => child.kill('SIGCONT'));
  const sockets = await fillBacklog(t, socketPath);
  t.log(`${sockets.length} connections in the backlog`);

  await isRefused(t, socketPath);

  for (const socket of sockets) socket.destroy();
  child.kill('SIGCONT');
  t.deepEqual(await client.request('whoami', {}), { pid: child.pid });
  const newcomer = closeAfter(t, SmartIpc.createClient({ id: 'race', socketPath, connectRetry: { enabled: true } }));
  await newcomer.connect();
  t.deepEqual(await newcomer.request('whoami', {}), { pid: child.pid });
});

test.serial("another program's server is never displaced, nor when it stands still with a full backlog", async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'plain-socket', { socketPath });
  await child.report('ready');
  await isRefused(t, socketPath);

  child.kill('SIGSTOP');
  t.teardown(() => child.kill('SIGCONT'));
  await fillBacklog(t, socketPath);
  await isRefused(t, socketPath);
});

test.serial('a file whose program was killed is taken, once it is certain', async (t) => {
  const socketPath = tempSocket(t);
  await staleSocket(t, socketPath);
  const careful = closeAfter(t, SmartIpc.createServer({ id: 'race', socketPath }));
  t.is((await failure(() => careful.start())).code, 'EADDRINUSE');
  const { nextRacer } = await startingGun(t);
  const racers: any[] = await Promise.all(Array.from({ length: RACERS }, nextRacer));
  await race(t, racers, { socketPath, cleanup: true });
});

import { spawn } from 'child_process';
import net from 'net';
import readline from 'readline';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { childEnv, childScript, closeAfter, recorder, startChild, tempSocket, within } from '../support/helpers.cjs';
import { descriptors, hasProc, rounds } from '../support/children/measure.cjs';

const FLOODS = rounds('FLOODS', 2);
const DESCRIPTORS = 40;
/** More than there are descriptors, fewer than the kernel keeps waiting. */
const CONNECTIONS = 100;
const RECOVERY = 2000;
/** Clients that come at once; more than may be unregistered at one time. */
const CROWD = 400;
/** For how long it is watched, in steps that are requests. */
const WATCHED = 2500;

/** A server whose shell has lowered its number of descriptors. */
async function scarceServer(t: any, options: object = {}) {
  const socketPath = tempSocket(t);
  const child = spawn('sh', ['-c', `ulimit -n ${DESCRIPTORS}; exec "$0" "$1"`, process.execPath, childScript('scarce')], {
    env: childEnv({ socketPath, options }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  t.teardown(() => {
    child.kill('SIGKILL');
    return ended;
  });
  const ready = recorder();
  const errors = recorder();
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const report = JSON.parse(line);
    (report.event === 'error' ? errors : ready)(report);
  });
  await ready.until(1);
  return { socketPath, child, errors };
}

/** Connections that say nothing; more come for those that the server ends. */
function flood(t: any, socketPath: string) {
  const sockets = new Set<net.Socket>();
  const connected = recorder();
  let over = false;
  const add = () => {
    const socket = net.connect(socketPath, connected);
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => {
      sockets.delete(socket);
      if (!over) setImmediate(add);
    });
  };
  const stop = () => {
    over = true;
    for (const socket of sockets) socket.destroy();
  };
  t.teardown(stop);
  for (let count = 0; count < CONNECTIONS; count++) add();
  return { connected, stop };
}

const runs = process.platform === 'win32' ? test.serial.skip : test.serial;

runs(`X10: a server out of descriptors serves its client, tells of it, rests and recovers; ${FLOODS} times`, async (t) => {
  t.timeout(60_000 + FLOODS * 15_000);
  const { socketPath, child, errors } = await scarceServer(t);
  const client = closeAfter(t, SmartIpc.createClient({ id: 'scarce', socketPath }));
  await client.connect();
  const baseline = descriptors(child.pid!);
  let busiest = 0;
  let slowest = 0;

  for (let round = 1; round <= FLOODS; round++) {
    errors.calls.splice(0);
    const { connected, stop } = flood(t, socketPath);
    const [[told]] = await errors.until(1);
    t.is(told.code, 'EMFILE');
    await connected.until(CONNECTIONS);

    const before = await client.request('usage', {});
    const until = BigInt(before.at) + BigInt(WATCHED) * 1_000_000n;
    let after = before;
    let served = 0;
    // About a thousand calls a second, so that serving them costs little.
    while (BigInt(after.at) < until) {
      for (let lane = 0; lane < 10; lane++) t.is(await client.request('echo', served), served++);
      await new Promise((resolve) => setTimeout(resolve, 50));
      after = await client.request('usage', {});
    }
    const spent = after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system;
    const share = spent / (Number(BigInt(after.at) - BigInt(before.at)) / 1000);
    busiest = Math.max(busiest, share);
    t.true(share < 0.2, `it used ${(share * 100).toFixed(0)} % of a core`);
    t.true(errors.calls.length <= 5, `${errors.calls.length} times told`);

    const ended = Date.now();
    stop();
    const next = SmartIpc.createClient({ id: 'scarce', socketPath, connectRetry: { enabled: true } });
    await within(next.connect(), 'a new client', RECOVERY * 5);
    const took = Date.now() - ended;
    slowest = Math.max(slowest, took);
    t.true(took <= RECOVERY, `recovered after ${took} ms`);
    t.is(await next.request('echo', 'new'), 'new');
    await next.disconnect();
    t.is(await client.request('echo', 'old'), 'old');
  }

  // Dead connections that waited in the kernel have been taken and let go of.
  if (hasProc) {
    const until = Date.now() + RECOVERY;
    while (descriptors(child.pid!)! > baseline! && Date.now() < until) await client.request('echo', 'and again');
    t.is(descriptors(child.pid!), baseline);
  }
  t.is(child.exitCode, null);
  t.true(client.getIsConnected());
  t.is(client.getStats().metrics.reconnects, 0);
  t.log(`at most ${(busiest * 100).toFixed(1)} % of a core while out of descriptors, back within ${slowest} ms`);
});

test.serial('silent connections that are gone hold nobody up', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'scarce', { socketPath });
  await child.report('ready');
  child.kill('SIGSTOP');
  t.teardown(() => child.kill('SIGCONT'));
  const sockets = await Promise.all(
    Array.from({ length: 500 }, () => new Promise<net.Socket>((resolve) => {
      const socket = net.connect(socketPath, () => resolve(socket));
    })),
  );
  for (const socket of sockets) socket.destroy();
  child.kill('SIGCONT');
  const client = closeAfter(t, SmartIpc.createClient({ id: 'scarce', socketPath }));
  const begun = Date.now();
  await client.connect();
  t.true(Date.now() - begun <= RECOVERY, `connected after ${Date.now() - begun} ms`);
});

test.serial('a crowd of clients that come at once is let in at once', async (t) => {
  const socketPath = tempSocket(t);
  const child = startChild(t, 'scarce', { socketPath });
  await child.report('ready');
  const clients = Array.from({ length: CROWD }, () =>
    closeAfter(t, SmartIpc.createClient({ id: 'scarce', socketPath, autoReconnect: false })),
  );
  const begun = Date.now();
  await Promise.all(clients.map((client) => client.connect()));
  const took = Date.now() - begun;
  t.true(took <= 2 * RECOVERY, `connected after ${took} ms`);
  t.deepEqual(await Promise.all(clients.map((client, index) => client.request('echo', index))), clients.map((_, index) => index));
});

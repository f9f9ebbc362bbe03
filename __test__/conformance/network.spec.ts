// TCP: where a server listens, and networks that fail.
import { spawnSync } from 'child_process';
import fs from 'fs';
import net from 'net';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { notRun } from '../support/conformance.mjs';
import { closeAfter, freePort, once, startChild, recorder } from '../support/helpers.cjs';
import { otherMachine } from '../support/netns.mjs';

async function serve(t: any, options: object) {
  const server = closeAfter(t, SmartIpc.createServer({ id: 'network', ...options }));
  server.onMessage('echo', (payload) => payload);
  server.on('error', () => {});
  await server.start();
  return server;
}

test('C1: without a host a server listens on the loopback address alone', async (t) => {
  const port = await freePort();
  await serve(t, { port });
  const { stdout, error } = spawnSync('ss', ['-ltnH', `sport = :${port}`], { encoding: 'utf8' });
  if (error) return notRun(t, 'needs ss');
  const listening = stdout.trim().split('\n').map((line) => line.split(/\s+/)[3]);
  t.deepEqual(listening, [`127.0.0.1:${port}`]);
});

const MISSING = 'needs root and ip netns';
const beats = { heartbeatInterval: 500, heartbeatTimeout: 2000 };

/** A server here and a connected client on the other machine. */
async function apart(t: any, machine: any, options: object = {}) {
  const port = await freePort();
  const server = await serve(t, { host: machine.host, port, ...beats });
  const client = { id: 'network', host: machine.host, port, clientId: 'far', registerTimeoutMs: 1000, reconnectDelay: 100, maxReconnectDelay: 500 };
  const child = startChild(t, 'client', { client: { ...client, ...beats, ...options } }, { command: machine.command });
  await child.report('connected', 20_000);
  return { server, child, port };
}

test.serial('C2: a network torn for 5 s: both sides notice, and the client is back within 3 s', async (t) => {
  const machine = otherMachine(t);
  if (machine === undefined) return notRun(t, MISSING);
  const { server, child } = await apart(t, machine);
  const [lost, noticed] = [once(server, 'clientDisconnect', { timeout: 15_000 }), child.report('disconnect', 15_000)];
  const begun = Date.now();
  machine.cut();
  t.is((await lost)[1], 'heartbeat_timeout');
  t.is((await noticed).reason, 'heartbeat_timeout');
  t.log(`noticed by both sides within ${Date.now() - begun} ms`);
  // The tear is as long as the case says.
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, 5000 - (Date.now() - begun))));
  const back = recorder();
  server.on('clientConnect', back);
  machine.mend();
  const healed = Date.now();
  await back.until(1);
  t.true(Date.now() - healed <= 3000, `${Date.now() - healed} ms`);
  const ask = () => server.requestClient('far', 'echo', 'again');
  // An attempt that was given up during the tear may get through first.
  t.is(await ask().catch(() => back.until(2).then(ask)), 'again');
});

test.serial('C2: 200 ms there and back and 5 % loss: no request is lost', async (t) => {
  const machine = otherMachine(t);
  if (machine === undefined) return notRun(t, MISSING);
  if (!machine.disturb('100ms', '5%')) return notRun(t, 'needs the kernel module sch_netem');
  const { server } = await apart(t, machine, { registerTimeoutMs: 10_000 });
  const numbers = Array.from({ length: 20 }, (_, at) => at);
  t.deepEqual(await Promise.all(numbers.map((at) => server.requestClient('far', 'echo', at))), numbers);
});

test.serial('C3: a peer behind a dead wire is found by the heartbeat, and the kernel looks as well', async (t) => {
  const machine = otherMachine(t);
  if (machine === undefined) return notRun(t, MISSING);
  const { server, port } = await apart(t, machine, { heartbeat: false });
  for (const [where, ...command] of [['env'], machine.command]) {
    const filter = ['state', 'established', `( sport = :${port} or dport = :${port} )`];
    const { stdout, error } = spawnSync(where, [...command, 'ss', '-tnoH', ...filter], { encoding: 'utf8' });
    if (error === undefined) t.regex(stdout, /timer:\(keepalive/);
  }
  const lost = once(server, 'clientDisconnect', { timeout: 10_000 });
  const begun = Date.now();
  machine.cut();
  t.is((await lost)[1], 'heartbeat_timeout');
  t.true(Date.now() - begun < 2000 + 500 + 1500, `${Date.now() - begun} ms`);
});

test('C5: a port whose last connections are in TIME_WAIT can be listened on at once', async (t) => {
  const port = await freePort();
  const first = await serve(t, { port });
  const client = closeAfter(t, SmartIpc.createClient({ id: 'network', port, autoReconnect: false }));
  await client.connect();
  const gone = once(client, 'disconnect');
  // The side that closes first keeps the port.
  await first.stop();
  await gone;
  if (fs.existsSync('/proc/net/tcp')) {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    // State 06 is TIME_WAIT; 05 comes before it.
    t.regex(fs.readFileSync('/proc/net/tcp', 'utf8'), new RegExp(`0100007F:${hex} [0-9A-F]+:[0-9A-F]+ 0[56]`));
  }
  const begun = Date.now();
  await serve(t, { port });
  t.true(Date.now() - begun < 1000);
  const socket = net.connect(port);
  await once(socket, 'connect');
  socket.destroy();
});

import fs from 'fs';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { newBus } from '../support/bus.mjs';
import { suspend } from '../support/child-process.cjs';
import { closeAfter, failure, once, recorder, tempSocket } from '../support/helpers.cjs';

const newServer = (t: any, options: any) => closeAfter(t, SmartIpc.createServer({ id: 'bus', ...options }));

async function newHost(t: any, socketPath: string, options: any = {}) {
  const host = closeAfter(t, SmartIpc.createClient({ id: 'bus', socketPath, ...options }));
  const hosting = once(host, 'hosting');
  await host.connect();
  await hosting;
  return host;
}

test('a server gets the path of a hub, and all its clients', async (t) => {
  const socketPath = tempSocket(t);
  const bus = await newBus(t, socketPath);
  const members: any[] = await Promise.all(Array.from({ length: 6 }, () => bus.member()));
  for (const member of members) member.order('connect');
  await Promise.all(members.map((member) => member.until('joining', () => member.count('joined') === 1)));

  const server = newServer(t, { socketPath });
  const arrived = recorder();
  server.on('clientConnect', arrived);
  server.onMessage('whoami', (_payload, clientId) => clientId);
  await server.start();
  await arrived.until(members.length);

  t.deepEqual(server.getClientIds().length, members.length);
  for (const member of members) {
    await member.until('goodbye', () => member.told.some((line: any) => line.reason === 'yielded'));
  }
  // Subscribed again, and served by the server's handlers.
  await server.publish('numbers', 1);
  await Promise.all(members.map((member) => member.until('a number', () => member.numbers().length === 1)));
  members[0].order('ask', { type: 'whoami' });
  t.true(server.getClientIds().includes((await members[0].next('answer', 0)).answer));

  // What was a server's path no client takes, not even those of the hub before.
  const lost = recorder();
  server.on('clientDisconnect', lost);
  await server.stop();
  await lost.until(members.length);
  await Promise.all(members.map((member) => member.until('loss', () => member.count('disconnect') === 2)));
  t.false(fs.existsSync(socketPath));
  await server.start();
  await arrived.until(2 * members.length);
  t.is(members.filter((member) => member.count('hosting') > 0).length, 1);
});

test('a server gets the path although clients go on electing', async (t) => {
  const socketPath = tempSocket(t);
  const server = newServer(t, { socketPath });
  const stop = { asked: false };
  let elected = 0;
  // Each of them hosts for a moment and leaves, so that the next one hosts.
  const restless = Array.from({ length: 8 }, async () => {
    while (!stop.asked) {
      const client = SmartIpc.createClient({ id: 'bus', socketPath });
      client.on('hosting', () => elected++);
      await client.connect();
      await client.disconnect();
    }
  });

  for (let round = 0; round < 20; round++) {
    const before = elected;
    while (elected === before) await new Promise((resolve) => setImmediate(resolve));
    await server.start();
    t.true(server.getIsReady());
    await server.stop();
  }
  stop.asked = true;
  await Promise.all(restless);
});

test('host and server may be of one process', async (t) => {
  const socketPath = tempSocket(t);
  const host = await newHost(t, socketPath, { clientId: 'host' });
  const back = once(host, 'connect');
  const server = newServer(t, { socketPath });
  await server.start();
  await back;
  t.deepEqual(server.getClientIds(), ['host']);
});

test('a host with a wrong token does not keep the server out', async (t) => {
  const socketPath = tempSocket(t);
  const host = await newHost(t, socketPath, { authToken: 'mistaken', autoReconnect: false });
  const lost = once(host, 'disconnect');
  const server = newServer(t, { socketPath, authToken: 'right' });
  await server.start();
  t.is((await lost)[0], 'yielded');
});

test('a suspended hub is waited for, within bounds', async (t) => {
  const socketPath = tempSocket(t);
  const bus = await newBus(t, socketPath);
  const member: any = await bus.member();
  member.order('connect');
  await member.until('joining', () => member.count('joined') === 1);
  const server = newServer(t, { socketPath });

  await suspend(member.child);
  const started = Date.now();
  const error = await failure(() => server.start(), 20_000);
  t.is(error.code, 'EADDRINUSE');
  t.true(Date.now() - started < 10_000);
  t.true(fs.existsSync(socketPath), 'its file was not touched');

  const starting = server.start();
  member.child.kill('SIGCONT');
  await starting;
  await member.until('reconnect', () => member.count('connect') === 2);
});

test('what a killed hub leaves is in nobody\'s way', async (t) => {
  const socketPath = tempSocket(t);
  const bus = await newBus(t, socketPath);
  const member: any = await bus.member();
  member.order('connect');
  await member.until('joining', () => member.count('joined') === 1);
  await member.kill();
  t.true(fs.existsSync(socketPath));

  const server = newServer(t, { socketPath, autoCleanupSocketFile: false });
  await server.start();
  t.true(server.getIsReady());
});

test('waitForServer does not take a hub for the server', async (t) => {
  const socketPath = tempSocket(t);
  await newHost(t, socketPath, { authToken: 'a token changes nothing' });
  const error = await failure(() => SmartIpc.waitForServer({ socketPath, timeoutMs: 300 }));
  t.regex(error.message, /^Server not ready/);

  const waiting = SmartIpc.waitForServer({ socketPath });
  await newServer(t, { socketPath }).start();
  await t.notThrowsAsync(waiting);
});

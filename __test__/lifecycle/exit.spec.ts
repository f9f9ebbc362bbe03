import fs from 'fs';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, once, recorder, startChild, tempSocket } from '../support/helpers.cjs';
import { PROMPTLY, randomFrom, rounds, seed } from '../support/children/measure.cjs';

const EXITS = rounds('EXITS', 10);

/** A server for the programs that are clients. */
async function host(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'ending', socketPath }));
  server.on('error', () => {});
  server.onMessage('echo', (payload) => payload);
  const noted = recorder();
  server.onMessage('noted', (payload) => noted(payload));
  await server.start();
  return { socketPath, server, noted };
}

/** Runs a program to its end, which it must reach promptly after its last deed. */
async function ends(t: any, config: object, expected: { code: number | null; signal?: string }) {
  const child = startChild(t, 'ending', config);
  const { at } = await child.report('done');
  const { code, signal, stderr } = await child.exited();
  const took = Date.now() - at;
  t.is(signal, expected.signal || null, stderr);
  t.is(code, expected.code, stderr);
  t.is(stderr, '');
  t.true(took < PROMPTLY, `it took ${took} ms to end`);
  return took;
}

/** Some programs at a time, so many times in all. */
async function repeat(t: any, once: (round: number) => Promise<number>) {
  let slowest = 0;
  t.timeout(60_000 + EXITS * 2000);
  for (let round = 0; round < EXITS; round++) slowest = Math.max(slowest, await once(round));
  t.log(`ended within ${slowest} ms`);
}

for (const scenario of ['required only', 'server that stops', 'server that stops with clients', 'unref server']) {
  test.serial(`N1, N2, N5: ${EXITS} × ends by itself: ${scenario}`, async (t) => {
    await repeat(t, () => ends(t, { scenario, socketPath: tempSocket(t) }, { code: 0 }));
  });
}

for (const scenario of ['client that disconnects', 'disconnects without waiting', 'unref client']) {
  test.serial(`N4, N5: ${EXITS} × ends by itself: ${scenario}`, async (t) => {
    const { socketPath, server } = await host(t);
    await repeat(t, async () => {
      const left = once(server, 'clientDisconnect');
      const took = await ends(t, { scenario, socketPath }, { code: 0 });
      await left;
      return took;
    });
    t.is(server.getStats().connectedClients, 0);
  });
}

test.serial(`N6: ${EXITS} × process.exit(3) in the middle of traffic`, async (t) => {
  const { socketPath, server } = await host(t);
  const begin = seed();
  const random = randomFrom(begin);
  t.log(`seed ${begin}`);
  await repeat(t, async () => {
    const left = once(server, 'clientDisconnect');
    const took = await ends(t, { scenario: 'exits in traffic', socketPath, amount: 1 + Math.floor(random() * 3000) }, { code: 3 });
    await left;
    return took;
  });
  t.is(server.getStats().connectedClients, 0);
});

test.serial(`N6: ${EXITS} × process.exit(3) of a process that is both ends of the traffic`, async (t) => {
  const begin = seed();
  const random = randomFrom(begin);
  t.log(`seed ${begin}`);
  await repeat(t, () =>
    ends(
      t,
      { scenario: 'exits in traffic with both ends', socketPath: tempSocket(t), amount: 1 + Math.floor(random() * 3000) },
      { code: 3 },
    ),
  );
});

for (const [scenario, amount] of [
  ['client exits after sending', 1],
  ['client exits after sending', 100],
  ['exits while sending in an exit listener', 100],
] as const) {
  test.serial(`${EXITS} × what was sent right before process.exit() arrives: ${scenario}, ${amount}`, async (t) => {
    const { socketPath, noted } = await host(t);
    await repeat(t, async () => {
      const took = await ends(t, { scenario, socketPath, amount }, { code: 0 });
      const calls = await noted.until(amount);
      t.deepEqual(calls.splice(0).map(([{ index }]) => index), Array.from({ length: amount }, (_, index) => index));
      return took;
    });
  });
}

test.serial(`${EXITS} × what was published right before process.exit() arrives`, async (t) => {
  const { socketPath } = await host(t);
  const reader = closeAfter(t, SmartIpc.createClient({ id: 'ending', socketPath }));
  const heard = recorder();
  await reader.subscribe('news', ({ index }) => heard(index));
  await repeat(t, async () => {
    const took = await ends(t, { scenario: 'client exits after publishing', socketPath, amount: 100 }, { code: 0 });
    const calls = await heard.until(100);
    t.deepEqual(calls.splice(0).map(([index]) => index), Array.from({ length: 100 }, (_, index) => index));
    return took;
  });
});

test.serial(`${EXITS} × what a server sent right before process.exit() arrives`, async (t) => {
  await repeat(t, async () => {
    const socketPath = tempSocket(t);
    const child = startChild(t, 'ending', { scenario: 'server exits after sending', socketPath, amount: 100 });
    await child.report('ready');
    const client = SmartIpc.createClient({ id: 'ending', socketPath, autoReconnect: false });
    const noted = recorder();
    client.onMessage('noted', ({ index }) => noted(index));
    await client.connect();
    await client.sendMessage('go', {});
    const { at } = await child.report('done');
    t.is((await child.exited()).code, 0);
    const took = Date.now() - at;
    const calls = await noted.until(100);
    t.deepEqual(calls.map(([index]) => index), Array.from({ length: 100 }, (_, index) => index));
    await client.disconnect();
    return took;
  });
});

for (const scenario of ['uncaught in a handler', 'uncaught in an async handler']) {
  test.serial(`N7: ${EXITS} × code 1 and the original stack: ${scenario}`, async (t) => {
    await repeat(t, async () => {
      const socketPath = tempSocket(t);
      const child = startChild(t, 'ending', { scenario, socketPath });
      await child.report('ready');
      const client = SmartIpc.createClient({ id: 'ending', socketPath, autoReconnect: false });
      await client.sendMessage('boom', {});
      const begun = Date.now();
      const { code, signal, stderr } = await child.exited();
      t.is(code, 1, stderr);
      t.is(signal, null);
      t.regex(stderr, /Error: thrown by the handler\n\s+at .*theGuiltyHandler .*ending\.mjs:\d+/s);
      t.notRegex(stderr, /fatal|panicked|napi/i);
      await client.disconnect();
      return Date.now() - begun;
    });
  });
}

test.serial(`N7: ${EXITS} × code 1 and the original stack: uncaught in a topic handler`, async (t) => {
  const { socketPath, server } = await host(t);
  await repeat(t, async () => {
    const child = startChild(t, 'ending', { scenario: 'uncaught in a topic handler', socketPath });
    await child.report('ready');
    const begun = Date.now();
    await server.publish('boom', {});
    const { code, stderr } = await child.exited();
    t.is(code, 1, stderr);
    t.regex(stderr, /Error: thrown by the handler\n\s+at .*theGuiltyHandler .*ending\.mjs:\d+/s);
    return Date.now() - begun;
  });
});

test.serial(`N8: ${EXITS} × SIGTERM ends a server that does not handle it`, async (t) => {
  await repeat(t, async () => {
    const child = startChild(t, 'ending', { scenario: 'server, no signal handler', socketPath: tempSocket(t) });
    await child.report('ready');
    const begun = Date.now();
    child.kill('SIGTERM');
    const { code, signal } = await child.exited();
    t.is(code, null);
    t.is(signal, 'SIGTERM');
    return Date.now() - begun;
  });
});

test.serial(`N8: ${EXITS} × SIGTERM and a handler that calls stop(): code 0, file removed`, async (t) => {
  await repeat(t, async () => {
    const socketPath = tempSocket(t);
    const child = startChild(t, 'ending', { scenario: 'server that stops on a signal', socketPath });
    await child.report('ready');
    const client = SmartIpc.createClient({ id: 'ending', socketPath, autoReconnect: false });
    t.is(await client.request('echo', 'served'), 'served');
    const lost = once(client, 'disconnect');
    child.kill('SIGTERM');
    const { at } = await child.report('done');
    const { code, stderr } = await child.exited();
    t.is(code, 0, stderr);
    t.false(fs.existsSync(socketPath));
    const took = Date.now() - at;
    await lost;
    return took;
  });
});

test.serial(`N8: ${EXITS} × SIGTERM and a handler that calls disconnect(): code 0`, async (t) => {
  const { socketPath, server } = await host(t);
  await repeat(t, async () => {
    const child = startChild(t, 'ending', { scenario: 'client that disconnects on a signal', socketPath });
    await child.report('ready');
    const left = once(server, 'clientDisconnect');
    child.kill('SIGTERM');
    const { at } = await child.report('done');
    t.is((await child.exited()).code, 0);
    await left;
    return Date.now() - at;
  });
});

// Not repeated: what a process does while nothing happens takes its time.
for (const [scenario, connects] of [
  ['server, no signal handler', false],
  ['client that disconnects on a signal', true],
] as const) {
  test.serial(`N3, N4: stays alive: ${scenario}`, async (t) => {
    const { socketPath } = await host(t);
    const child = startChild(t, 'ending', { scenario, socketPath: connects ? socketPath : tempSocket(t) });
    await child.report('ready');
    // Others are started, work and end meanwhile.
    for (let other = 0; other < 5; other++) {
      await ends(t, { scenario: 'client that disconnects', socketPath }, { code: 0 });
    }
    t.is(child.ended, undefined);
    if (connects) t.is(child.process.exitCode, null);
  });
}

import fs from 'fs';
import { Worker } from 'worker_threads';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { newBus } from '../support/bus.mjs';
import { childScript, closeAfter, once, recorder, tempSocket, within } from '../support/helpers.cjs';

/** Far less than the default delay of a reconnect, far more than an election takes. */
const SOON = 700;

function newClient(t: any, socketPath: string, options: any = {}) {
  return closeAfter(t, SmartIpc.createClient({ id: 'bus', socketPath, ...options }));
}

for (const how of ['leave', 'exit']) {
  test(`when the host does "${how}", another takes over without a long wait`, async (t) => {
    const socketPath = tempSocket(t);
    const bus = await newBus(t, socketPath);
    const host: any = await bus.member();
    host.order('connect');
    await host.next('hosting', 0);
    const client = newClient(t, socketPath);
    const hosting = recorder();
    const heard = recorder();
    client.on('hosting', hosting);
    await client.connect();
    await client.subscribe('numbers', (number) => heard(number));
    t.is(bus.host(), host.pid);

    const lost = once(client, 'disconnect');
    const back = once(client, 'connect');
    host.order(how);
    await lost;
    const started = Date.now();
    await back;
    t.true(Date.now() - started < SOON);
    await hosting.until(1);
    t.is(bus.host(), process.pid);
    await client.publish('numbers', 7);
    t.deepEqual(await heard.until(1), [[7]]);
  });
}

test('disconnect() of the last one frees the path', async (t) => {
  const socketPath = tempSocket(t);
  const client = newClient(t, socketPath);
  const hosting = recorder();
  client.on('hosting', hosting);
  await client.connect();
  t.true(fs.existsSync(socketPath));
  await client.disconnect();
  t.false(fs.existsSync(socketPath));

  // And connect() is a first one again.
  await client.connect();
  t.is(hosting.calls.length, 2);
});

test('what was published before the host left still arrives', async (t) => {
  const socketPath = tempSocket(t);
  const host = newClient(t, socketPath);
  await host.connect();
  const reader = newClient(t, socketPath, { autoReconnect: false });
  const heard = recorder();
  await reader.connect();
  await reader.subscribe('numbers', (number) => heard(number));

  const numbers = Array.from({ length: 500 }, (_, index) => index);
  await Promise.all(numbers.map((number) => host.publish('numbers', number)));
  await host.disconnect();

  t.deepEqual((await heard.until(numbers.length)).map(([number]) => number), numbers);
});

test('a hub ends with the thread that hosts it', async (t) => {
  const socketPath = tempSocket(t);
  const worker = new Worker(childScript('hosting-thread'), { workerData: { socketPath } });
  t.teardown(() => worker.terminate());
  const hosting = new Promise((resolve) => worker.once('message', resolve));
  t.is(await within(hosting, 'the hub of the thread'), 'hosting');
  const client = newClient(t, socketPath);
  const took = once(client, 'hosting');
  await client.connect();

  await worker.terminate();
  await took;
  t.true(client.getIsConnected());
});

test('a hub serves and answers pings while its host computes', async (t) => {
  const socketPath = tempSocket(t);
  const bus = await newBus(t, socketPath);
  const host: any = await bus.member({ heartbeat: false });
  host.order('connect');
  await host.next('hosting', 0);
  const timeouts = recorder();
  const heard = recorder();
  const [reader, writer] = [1, 2].map(() => {
    const client = newClient(t, socketPath, { heartbeatInterval: 100, heartbeatTimeout: 200 });
    client.on('heartbeatTimeout', timeouts);
    return client;
  });
  await reader!.connect();
  await reader!.subscribe('numbers', (number) => heard(number));
  await writer!.connect();

  host.order('compute', { millis: 1500 });
  await host.next('computing', 0);
  const computed = host.next('computed', 0);
  await writer!.publish('numbers', 1);
  await heard.until(1);
  t.is(host.count('computed'), 0, 'the host was done too early to show anything');
  t.is((await t.throwsAsync(writer!.request('work', {})))!.message, 'No handler registered for message type: work');
  t.is(host.count('computed'), 0);
  await computed;
  t.deepEqual(timeouts.calls, []);
});

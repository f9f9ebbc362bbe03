import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, recorder, tempSocket } from '../support/helpers.cjs';

test('a message reaches the handler with the id of its sender', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'journal', socketPath }));
  const written = recorder();
  server.onMessage('entry', (entry, clientId) => {
    written(entry, clientId);
    // No return needed.
  });
  await server.start();

  const client = closeAfter(t, SmartIpc.createClient({ id: 'journal', socketPath }));
  await client.connect();
  const entry = { severity: 'notice', text: 'The door was opened', at: Date.now() };
  const result = await client.sendMessage('entry', entry);

  t.is(result, undefined);
  t.deepEqual(await written.until(1), [[entry, client.getClientId()]]);
});

test('sendMessage does not wait for the handler', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'journal', socketPath }));
  let release: () => void = () => {};
  const started = recorder(() => new Promise<void>((resolve) => (release = resolve)));
  server.onMessage('slow', started);
  await server.start();

  const client = closeAfter(t, SmartIpc.createClient({ id: 'journal', socketPath }));
  await client.connect();
  await client.sendMessage('slow', {});
  await started.until(1);
  release();
  t.pass();
});

test('messages are delivered in the order they were sent', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'journal', socketPath }));
  const written = recorder();
  server.onMessage('line', (number) => written(number));
  await server.start();

  const client = closeAfter(t, SmartIpc.createClient({ id: 'journal', socketPath }));
  await client.connect();
  const numbers = Array.from({ length: 2000 }, (_, index) => index);
  await Promise.all(numbers.map((number) => client.sendMessage('line', number)));

  const calls = await written.until(numbers.length);
  t.deepEqual(calls.map(([number]) => number), numbers);
});

test('a message without a handler is dropped and disturbs nobody', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'journal', socketPath }));
  const errors = recorder();
  server.on('error', errors);
  server.onMessage('known', () => 'answered');
  await server.start();

  const client = closeAfter(t, SmartIpc.createClient({ id: 'journal', socketPath }));
  await client.connect();
  await client.sendMessage('unknown', { lost: true });

  t.is(await client.request('known', {}), 'answered');
  t.deepEqual(errors.calls, []);
});

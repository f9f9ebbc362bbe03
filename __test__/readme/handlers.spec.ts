import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, recorder, tempSocket } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'desk', socketPath }));
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'desk', socketPath, clientId: 'visitor' }));
  await client.connect();
  return { server, client };
}

test('onMessage twice: the last handler wins', async (t) => {
  const { server, client } = await pair(t);
  const first = recorder(() => 'first');
  server.onMessage('ask', first);
  server.onMessage('ask', () => 'second');
  t.is(await client.request('ask', {}), 'second');

  client.onMessage('ask', first);
  client.onMessage('ask', () => 'client, second');
  t.is(await server.requestClient('visitor', 'ask', {}), 'client, second');
  t.deepEqual(first.calls, []);
});

test('offMessage on the server', async (t) => {
  const { server, client } = await pair(t);
  server.onMessage('ask', () => 'answer');
  t.is(await client.request('ask', {}), 'answer');

  server.offMessage('ask');
  t.is((await failure(() => client.request('ask', {}))).message, 'No handler registered for message type: ask');

  server.onMessage('ask', () => 'again');
  t.is(await client.request('ask', {}), 'again');
});

test('offMessage on the client', async (t) => {
  const { server, client } = await pair(t);
  client.onMessage('ask', () => 'answer');
  t.is(await server.requestClient('visitor', 'ask', {}), 'answer');

  client.offMessage('ask');
  const error = await failure(() => server.requestClient('visitor', 'ask', {}));
  t.is(error.message, 'No handler registered for message type: ask');
});

test('offMessage of a type without a handler is harmless', async (t) => {
  const { server, client } = await pair(t);
  t.notThrows(() => server.offMessage('nothing'));
  t.notThrows(() => client.offMessage('nothing'));
});

test('after offMessage in a handler nothing more of that type is delivered', async (t) => {
  const { server, client } = await pair(t);
  const ticks = recorder(() => server.offMessage('tick'));
  const end = recorder();
  server.onMessage('tick', ticks);
  server.onMessage('end', () => end());

  const sends = Array.from({ length: 100 }, (_, index) => client.sendMessage('tick', index));
  await Promise.all([...sends, client.sendMessage('end', {})]);
  await end.until(1);

  t.is(ticks.calls.length, 1);
});

test('handlers registered after the connection was made are used', async (t) => {
  const { server, client } = await pair(t);
  for (let round = 0; round < 10; round++) {
    server.onMessage(`late-${round}`, () => round);
    t.is(await client.request(`late-${round}`, {}), round);
  }
});

test('asynchronous handlers overlap', async (t) => {
  const { server, client } = await pair(t);
  const open: (() => void)[] = [];
  const running = recorder();
  server.onMessage('slow', async (number) => {
    running(number);
    await new Promise<void>((resolve) => open.push(resolve));
    return number;
  });

  const answers = [1, 2, 3].map((number) => client.request('slow', number));
  t.deepEqual(await running.until(3), [[1], [2], [3]]);
  for (const finish of open) finish();
  t.deepEqual(await Promise.all(answers), [1, 2, 3]);
});

test('a flood of messages leaves the event loop to others', async (t) => {
  const { server, client } = await pair(t);
  const end = recorder();
  let turns = 0;
  let turnsAtHalf = 0;
  let count = 0;
  const total = 2000;
  server.onMessage('busy', () => {
    const until = process.hrtime.bigint() + 100_000n;
    while (process.hrtime.bigint() < until);
    if (++count === 1) turns = 0;
    if (count === total / 2) turnsAtHalf = turns;
  });
  server.onMessage('end', () => end());
  let counting = true;
  const turn = () => {
    turns++;
    if (counting) setImmediate(turn);
  };
  turn();

  await Promise.all(Array.from({ length: total }, (_, index) => client.sendMessage('busy', index)));
  await client.sendMessage('end', {});
  await end.until(1);
  counting = false;

  // 100 ms of handlers at no more than 8 ms in one go.
  t.true(turnsAtHalf >= 5, `${turnsAtHalf} turns of the loop during half of the flood`);
});

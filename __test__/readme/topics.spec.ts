import test from 'ava';
import { IpcError, SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, recorder, tempSocket } from '../support/helpers.cjs';

async function newsroom(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'topics', socketPath }));
  await server.start();
  const join = async () => {
    const client = closeAfter(t, SmartIpc.createClient({ id: 'topics', socketPath }));
    await client.connect();
    return client;
  };
  return { server, reader: await join(), writer: await join() };
}

/** Publishes the topics in this order, then a last one, and gives those the pattern took. */
async function taken(t: any, pattern: string, topics: string[]) {
  const { reader, writer } = await newsroom(t);
  const seen = recorder();
  const end = recorder();
  await reader.subscribe(pattern, (topic) => seen(topic));
  await reader.subscribe('the-end', () => end());
  for (const topic of topics) await writer.publish(topic, topic);
  await writer.publish('the-end', null);
  await end.until(1);
  return seen.calls.map(([topic]) => topic);
}

test('* is exactly one segment', async (t) => {
  const topics = ['user', 'user.login', 'user.login.failed', 'users.login', 'other.login', 'user.logout'];
  t.deepEqual(await taken(t, 'user.*', topics), ['user.login', 'user.logout']);
});

test('* may stand in the middle', async (t) => {
  const topics = ['user.1.login', 'user.login', 'user.1.2.login', 'user.2.login', 'user.2.logout'];
  t.deepEqual(await taken(t, 'user.*.login', topics), ['user.1.login', 'user.2.login']);
});

test('** is any number of segments', async (t) => {
  const topics = ['user.login', 'other.login', 'user.login.failed', 'user.a.b.c.d'];
  t.deepEqual(await taken(t, 'user.**', topics), ['user.login', 'user.login.failed', 'user.a.b.c.d']);
});

test('any number includes none', async (t) => {
  t.deepEqual(await taken(t, 'user.**', ['user', 'users']), ['user']);
});

test('** may stand in the middle', async (t) => {
  const topics = ['a.z', 'a.b.z', 'a.b.c.z', 'a.b.c', 'b.z'];
  t.deepEqual(await taken(t, 'a.**.z', topics), ['a.z', 'a.b.z', 'a.b.c.z']);
});

test('a topic is text, not a pattern for regular expressions', async (t) => {
  t.deepEqual(await taken(t, 'price(eur).+', ['priceeur.x', 'price(eur).+', 'price(eur)..']), ['price(eur).+']);
});

test('each matching subscription is called once', async (t) => {
  const { reader, writer } = await newsroom(t);
  const exact = recorder();
  const star = recorder();
  const stars = recorder();
  const end = recorder();
  await reader.subscribe('user.login', (data) => exact(data));
  await reader.subscribe('user.*', (data) => star(data));
  await reader.subscribe('**', (data, { topic }) => topic === 'the-end' || stars(data));
  await reader.subscribe('the-end', () => end());

  await writer.publish('user.login', 'ada');
  await writer.publish('the-end', null);
  await end.until(1);

  t.deepEqual(exact.calls, [['ada']]);
  t.deepEqual(star.calls, [['ada']]);
  t.deepEqual(stars.calls, [['ada']]);
});

test('two handlers of one topic are both called', async (t) => {
  const { reader, writer } = await newsroom(t);
  const first = recorder();
  const second = recorder();
  await reader.subscribe('user.login', (data) => first(data));
  await reader.subscribe('user.login', (data) => second(data));

  await writer.publish('user.login', 'ada');

  t.deepEqual(await first.until(1), [['ada']]);
  t.deepEqual(await second.until(1), [['ada']]);
});

test('the same topic and handler twice count once', async (t) => {
  const { reader, writer } = await newsroom(t);
  const seen = recorder();
  const end = recorder();
  await reader.subscribe('user.login', seen);
  await reader.subscribe('user.login', seen);
  await reader.subscribe('the-end', () => end());

  await writer.publish('user.login', 'once');
  await writer.publish('the-end', null);
  await end.until(1);
  t.is(seen.calls.length, 1);

  await reader.unsubscribe('user.login', seen);
  await writer.publish('user.login', 'never');
  await writer.publish('the-end', null);
  await end.until(2);
  t.is(seen.calls.length, 1);
});

test('a publisher gets its own message when subscribed, and not otherwise', async (t) => {
  const { reader, writer } = await newsroom(t);
  const own = recorder();
  const end = recorder();
  await writer.subscribe('user.*', (data, { publisherId }) => own(data, publisherId));
  await writer.subscribe('the-end', () => end());
  await reader.subscribe('user.*', () => {});

  await writer.publish('user.login', 'mine');
  await writer.publish('other.login', 'mine too, but not asked for');
  await writer.publish('the-end', null);
  await end.until(1);

  t.deepEqual(own.calls, [['mine', writer.getClientId()]]);
});

test('a wildcard in a published topic is an error', async (t) => {
  const { server, reader, writer } = await newsroom(t);
  const seen = recorder();
  const end = recorder();
  await reader.subscribe('user.*', (data) => seen(data));
  await reader.subscribe('the-end', () => end());

  for (const topic of ['user.*', 'user.**', '**', '*.login']) {
    const error = await failure(() => writer.publish(topic, 'to whom?'));
    t.true(error instanceof TypeError || error instanceof IpcError, `${topic}: ${error}`);
    await t.throwsAsync(async () => server.publish(topic, 'to whom?'), undefined, topic);
  }
  await writer.publish('the-end', null);
  await end.until(1);
  t.deepEqual(seen.calls, []);
});

test('await subscribe() means that the server has it', async (t) => {
  const { server, reader } = await newsroom(t);
  for (let round = 0; round < 20; round++) {
    const seen = recorder();
    await reader.subscribe(`round.${round}`, (data) => seen(data));
    await server.publish(`round.${round}`, round);
    t.deepEqual(await seen.until(1), [[round]]);
  }
});

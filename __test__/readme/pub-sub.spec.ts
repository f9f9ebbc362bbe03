import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, recorder, tempSocket } from '../support/helpers.cjs';

const newServer = async (t: any, socketPath: string) => {
  const server = closeAfter(t, SmartIpc.createServer({ id: 'newsroom', socketPath }));
  await server.start();
  return server;
};

const newClient = (t: any, socketPath: string, clientId?: string) =>
  closeAfter(t, SmartIpc.createClient({ id: 'newsroom', socketPath, clientId }));

test('a published message reaches each subscriber of its topic', async (t) => {
  const socketPath = tempSocket(t);
  await newServer(t, socketPath);
  const first = recorder();
  const second = recorder();

  const reader = closeAfter(t, SmartIpc.createClient({ id: 'newsroom', socketPath }));
  await reader.connect();
  await reader.subscribe('sport.result', (data) => first(data));
  const otherReader = newClient(t, socketPath);
  await otherReader.connect();
  await otherReader.subscribe('sport.result', (data) => second(data));

  const reporter = closeAfter(t, SmartIpc.createClient({ id: 'newsroom', socketPath }));
  await reporter.connect();
  const result = { home: 3, guests: 1, at: Date.now() };
  await reporter.publish('sport.result', result);

  t.deepEqual(await first.until(1), [[result]]);
  t.deepEqual(await second.until(1), [[result]]);
});

test('a subscription to user.* takes every topic with one more segment', async (t) => {
  const socketPath = tempSocket(t);
  await newServer(t, socketPath);
  const seen = recorder();
  const reader = newClient(t, socketPath);
  await reader.connect();
  await reader.subscribe('user.*', (data) => seen(data));

  const reporter = newClient(t, socketPath);
  await reporter.connect();
  await reporter.publish('user.created', 1);
  await reporter.publish('weather.today', 'not for this reader');
  await reporter.publish('user.deleted', 2);

  t.deepEqual(await seen.until(2), [[1], [2]]);
});

test('a handler gets the topic and who published', async (t) => {
  const socketPath = tempSocket(t);
  await newServer(t, socketPath);
  const seen = recorder();
  const reader = newClient(t, socketPath);
  await reader.connect();
  await reader.subscribe('user.*', seen);

  const reporter = newClient(t, socketPath, 'the-reporter');
  await reporter.connect();
  await reporter.publish('user.login', { userId: 7 });

  const [[payload, details]] = await seen.until(1);
  t.deepEqual(payload, { userId: 7 });
  t.is(details.topic, 'user.login');
  t.is(details.publisherId, 'the-reporter');
});

test('the server publishes too', async (t) => {
  const socketPath = tempSocket(t);
  const server = await newServer(t, socketPath);
  const seen = recorder();
  const reader = newClient(t, socketPath);
  await reader.connect();
  await reader.subscribe('edition.*', (data, details) => seen(data, details.topic));

  await server.publish('edition.morning', { pages: 24 });

  t.deepEqual(await seen.until(1), [[{ pages: 24 }, 'edition.morning']]);
});

test('nothing arrives after unsubscribe', async (t) => {
  const socketPath = tempSocket(t);
  await newServer(t, socketPath);
  const seen = recorder();
  const marker = recorder();
  const reader = newClient(t, socketPath);
  await reader.connect();
  await reader.subscribe('sport.result', (data) => seen(data));
  await reader.subscribe('end', (data) => marker(data));

  const reporter = newClient(t, socketPath);
  await reporter.connect();
  await reporter.publish('sport.result', 'before');
  await seen.until(1);
  await reader.unsubscribe('sport.result');
  await reporter.publish('sport.result', 'after');
  await reporter.publish('end', true);
  await marker.until(1);

  t.deepEqual(seen.calls, [['before']]);
});

test('unsubscribe with a handler leaves the others', async (t) => {
  const socketPath = tempSocket(t);
  await newServer(t, socketPath);
  const leaving = recorder();
  const staying = recorder();
  const reader = newClient(t, socketPath);
  await reader.connect();
  await reader.subscribe('sport.result', leaving);
  await reader.subscribe('sport.result', staying);
  await reader.unsubscribe('sport.result', leaving);

  const reporter = newClient(t, socketPath);
  await reporter.connect();
  await reporter.publish('sport.result', 'final');

  const [[payload]] = await staying.until(1);
  t.is(payload, 'final');
  t.deepEqual(leaving.calls, []);
});

test('publishing with nobody subscribed resolves', async (t) => {
  const socketPath = tempSocket(t);
  const server = await newServer(t, socketPath);
  const reporter = newClient(t, socketPath);
  await reporter.connect();

  t.is(await reporter.publish('unread', {}), undefined);
  await t.notThrowsAsync(server.publish('unread', {}));
});

test('two clients need no server', async (t) => {
  const socketPath = tempSocket(t, 'events.sock');
  const seen = recorder();
  const subscriber1 = closeAfter(t, SmartIpc.createClient({ id: 'events-service', socketPath }));

  await subscriber1.connect();
  await subscriber1.subscribe('user.login', (data) => seen(data));

  const publisher = closeAfter(t, SmartIpc.createClient({ id: 'events-service', socketPath }));

  await publisher.connect();
  const login = { userId: '123', ip: '192.168.1.1', timestamp: Date.now() };
  await publisher.publish('user.login', login);

  t.deepEqual(await seen.until(1), [[login]]);
});

import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, recorder, tempSocket } from '../support/helpers.cjs';

async function pair(t: any) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'lazy', socketPath }));
  const got = recorder();
  server.onMessage('echo', (payload) => payload);
  server.onMessage('note', (payload) => got(payload));
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'lazy', socketPath, clientId: 'late-riser' }));
  t.false(client.getIsConnected());
  return { server, client, got };
}

test('request() connects first', async (t) => {
  const { client } = await pair(t);
  t.is(await client.request('echo', 'good morning'), 'good morning');
  t.true(client.getIsConnected());
});

test('sendMessage() connects first', async (t) => {
  const { client, got } = await pair(t);
  await client.sendMessage('note', 'good morning');
  t.deepEqual(await got.until(1), [['good morning']]);
  t.true(client.getIsConnected());
});

test('subscribe() connects first', async (t) => {
  const { server, client } = await pair(t);
  const seen = recorder();
  await client.subscribe('sun.*', (data) => seen(data));
  t.true(client.getIsConnected());
  await server.publish('sun.rise', 'good morning');
  t.deepEqual(await seen.until(1), [['good morning']]);
});

test('publish() connects first', async (t) => {
  const { server, client } = await pair(t);
  await client.publish('sun.rise', 'good morning');
  t.true(client.getIsConnected());
  t.deepEqual(server.getClientIds(), ['late-riser']);
});

test('calls made together share one connection and keep their order', async (t) => {
  const { server, client, got } = await pair(t);

  const first = client.sendMessage('note', 1);
  const second = client.sendMessage('note', 2);
  const answer = client.request('echo', 'three');
  const last = client.sendMessage('note', 4);
  await Promise.all([first, second, last]);

  t.is(await answer, 'three');
  t.deepEqual(await got.until(3), [[1], [2], [4]]);
  t.is(server.getStats().totalConnections, 1);
});

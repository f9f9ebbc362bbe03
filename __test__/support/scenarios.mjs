// What messages do, whatever carries them. Each scenario gets a started server
// and one connected client; a raw JSON peer has the same methods as ours.

import helpers from './helpers.cjs';

const { failure, recorder, settlesSoon } = helpers;

/** @type {{ name: string, run: (t: any, link: { server: any, client: any, id: string }) => Promise<void> }[]} */
export const scenarios = [
  {
    name: 'a request is answered',
    async run(t, { server, client, id }) {
      server.onMessage('greet', async (payload, clientId) => ({ ...payload, clientId }));
      t.deepEqual(await client.request('greet', { hello: 'wörld 🌍', list: [1, null, 'x'] }), {
        hello: 'wörld 🌍',
        list: [1, null, 'x'],
        clientId: id,
      });
    },
  },
  {
    name: 'every kind of payload arrives as it is',
    async run(t, { server, client }) {
      server.onMessage('mirror', (payload) => payload);
      const values = [null, true, 0, -1.5e-7, '', 'nul \0, \u2028', [], {}, { 10: 1, b: { c: [[]] } }, Buffer.from([0, 10, 255])];
      for (const value of values) t.deepEqual(await client.request('mirror', value), value);
      t.is(await client.request('mirror', undefined), undefined);
    },
  },
  {
    name: 'a large payload arrives whole',
    async run(t, { server, client }) {
      server.onMessage('mirror', (payload) => payload);
      const text = 'ä'.repeat(1500000);
      t.is(await client.request('mirror', text), text);
      const bytes = Buffer.alloc(3000000, 'smart');
      t.true(bytes.equals(await client.request('mirror', bytes)));
    },
  },
  {
    name: 'the error of a handler keeps its message, name and code',
    async run(t, { server, client }) {
      server.onMessage('fails', async () => {
        throw Object.assign(new RangeError('out of "range"\n'), { code: 'E_RANGE' });
      });
      const error = await failure(() => client.request('fails', {}));
      t.deepEqual([error.message, error.name, error.code], ['out of "range"\n', 'RangeError', 'E_RANGE']);
    },
  },
  {
    name: 'a request without a handler fails at once',
    async run(t, { client }) {
      const error = await failure(() => client.request('nobody', {}));
      t.is(error.message, 'No handler registered for message type: nobody');
    },
  },
  {
    name: 'one-way messages keep their order, with requests between them',
    async run(t, { server, client, id }) {
      const order = recorder();
      server.onMessage('step', (payload, clientId) => void order(payload, clientId));
      server.onMessage('count', () => order.calls.length);
      for (let step = 0; step < 2000; step++) client.sendMessage('step', step);
      t.is(await client.request('count', null), 2000);
      t.deepEqual(order.calls, Array.from({ length: 2000 }, (_, step) => [step, id]));
    },
  },
  {
    name: 'answers find their requests in any order',
    async run(t, { server, client }) {
      const open = [];
      const asked = recorder();
      server.onMessage('later', (number) => new Promise((resolve) => (open.push(() => resolve(number)), asked())));
      const answers = Promise.all(Array.from({ length: 100 }, (_, number) => client.request('later', number)));
      await asked.until(100);
      t.false(await settlesSoon(answers));
      for (const answer of open.reverse()) answer();
      t.deepEqual(await answers, Array.from({ length: 100 }, (_, number) => number));
    },
  },
  {
    name: 'topics and patterns, once per subscription',
    async run(t, { server, client, id }) {
      const exact = recorder();
      const pattern = recorder();
      const end = recorder();
      await client.subscribe('user.login', (payload) => void exact(payload));
      await client.subscribe('user.*', (payload, { topic, publisherId }) => void pattern(payload, topic, publisherId));
      await client.subscribe('end', () => void end());
      await client.publish('user.login', 'ada');
      await client.publish('user.login.failed', 'bob');
      await client.publish('user.logout', { who: 'ada' });
      await client.publish('end', null);
      await end.until(1);

      t.deepEqual(exact.calls, [['ada']]);
      t.deepEqual(pattern.calls, [['ada', 'user.login', id], [{ who: 'ada' }, 'user.logout', id]]);
      await client.unsubscribe('user.*');
      await server.publish('user.login', 'from the server');
      await server.publish('end', null);
      await end.until(2);
      t.deepEqual(exact.calls, [['ada'], ['from the server']]);
      t.is(pattern.calls.length, 2);
    },
  },
  {
    name: 'the server sends, broadcasts and asks',
    async run(t, { server, client, id }) {
      const got = recorder();
      client.onMessage('direct', (payload) => void got(payload));
      client.onMessage('double', (payload) => payload * 2);
      client.onMessage('fails', () => {
        throw Object.assign(new TypeError('cannot'), { code: 'E_CANNOT' });
      });
      await server.sendToClient(id, 'direct', 1);
      await server.broadcast('direct', [2]);
      t.deepEqual(await server.broadcastTo([id, 'nobody'], 'direct', Buffer.from([3])), ['nobody']);
      t.is(await server.requestClient(id, 'double', 21), 42);
      t.deepEqual(got.calls, [[1], [[2]], [Buffer.from([3])]]);

      const error = await failure(() => server.requestClient(id, 'fails', {}));
      t.deepEqual([error.message, error.name, error.code], ['cannot', 'TypeError', 'E_CANNOT']);
    },
  },
  {
    name: 'both sides ask each other within one request',
    async run(t, { server, client }) {
      client.onMessage('detail', (name) => `detail of ${name}`);
      server.onMessage('report', async (name, clientId) => `with ${await server.requestClient(clientId, 'detail', name)}`);
      t.is(await client.request('report', 'roads'), 'with detail of roads');
    },
  },
  {
    name: 'a cancelled request rejects and its handler is told',
    async run(t, { server, client }) {
      const started = recorder();
      const aborted = recorder();
      server.onMessage('long', (payload, _clientId, { signal }) => {
        signal.addEventListener('abort', () => void aborted(payload));
        started(payload);
        return new Promise(() => {});
      });
      server.onMessage('mirror', (payload) => payload);
      const controller = new AbortController();
      const cancelled = failure(() => client.request('long', 'one', { signal: controller.signal }));
      await started.until(1);
      controller.abort();
      t.is((await cancelled).code, 'IPC_ERR_ABORTED');
      t.deepEqual(await aborted.until(1), [['one']]);
      t.is(await client.request('mirror', 'the connection is fine'), 'the connection is fine');
    },
  },
  {
    name: 'a request of the server is cancelled the same way',
    async run(t, { server, client, id }) {
      const started = recorder();
      const aborted = recorder();
      client.onMessage('long', (_payload, { signal }) => {
        signal.addEventListener('abort', () => void aborted());
        started();
        return new Promise(() => {});
      });
      const late = failure(() => server.requestClient(id, 'long', {}, { timeout: 300 }));
      await started.until(1);
      t.is((await late).message, 'Request timeout for long');
      await aborted.until(1);
    },
  },
  {
    name: 'headers arrive, the keys of the protocol apart',
    async run(t, { server, client }) {
      server.onMessage('headed', (_payload, _clientId, { headers }) => headers);
      t.deepEqual(await client.request('headed', 1, { headers: { trace: 't-1', deep: { list: [1] } } }), { trace: 't-1', deep: { list: [1] } });
    },
  },
];

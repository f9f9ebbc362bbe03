// Odd moments in the life of a process: config { scenario, socketPath, rounds }. Needs --expose-gc.
import { fork } from 'child_process';
import cluster from 'cluster';
import { createRequire } from 'module';
import path from 'path';
import { fileURLToPath } from 'url';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';
import measure from './measure.cjs';

const { scenario, socketPath, rounds } = config;
const self = fileURLToPath(import.meta.url);
const options = { id: 'odd', socketPath };

async function serve(more = {}, ipc = SmartIpc) {
  const server = ipc.createServer({ ...options, ...more });
  server.onMessage('echo', (payload) => payload);
  await server.start();
  return server;
}

async function visit(more = {}, ipc = SmartIpc) {
  const client = ipc.createClient({ ...options, ...more });
  await client.connect();
  return client;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A child asks three times, while its parent has server and client of its own. */
async function childAsks(start) {
  const server = await serve();
  server.onMessage('count', ({ number }) => ({ number, by: 'child' }));
  const own = await visit();
  let busy = true;
  const traffic = (async () => {
    while (busy) await own.request('echo', 'own');
  })();
  const child = start();
  const answers = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the child ended with ${code}`)));
  });
  busy = false;
  await traffic;
  await own.disconnect();
  await server.stop();
  return { answers };
}

async function asChild() {
  const client = await visit();
  const answers = [];
  for (const number of [0, 1, 2]) answers.push(await client.request('count', { number }));
  process.send(answers, () => {
    client.disconnect();
    process.disconnect();
  });
}

const scenarios = {
  'throwing listeners': async () => {
    const caught = [];
    process.on('uncaughtException', (error) => caught.push(error instanceof Error ? error.message : String(error)));
    const server = await serve();
    const thrown = [new Error('an Error'), 'a string', null, Symbol('odd')];
    for (const what of thrown) {
      server.once('clientConnect', () => {
        throw what;
      });
      const client = await visit();
      await client.request('echo', 1);
      await client.disconnect();
    }
    const client = await visit();
    const answered = await client.request('echo', 'still here');
    await client.disconnect();
    await server.stop();
    return { caught, answered };
  },

  'loaded twice': async () => {
    const require = createRequire(import.meta.url);
    const load = () => {
      for (const file of Object.keys(require.cache)) delete require.cache[file];
      return require('@push.rocks/smartipc').SmartIpc;
    };
    const [first, second] = [load(), load()];
    if (first === second) throw new Error('the cache was not fresh');
    const answers = [];
    const servers = [];
    for (const [name, ipc] of [['first', first], ['second', second]]) {
      const server = await serve({ socketPath: `${socketPath}-${name}` }, ipc);
      server.onMessage('who', () => name);
      servers.push(server);
    }
    // Each asks both.
    for (const ipc of [first, second]) {
      for (const name of ['first', 'second']) {
        const client = await visit({ socketPath: `${socketPath}-${name}` }, ipc);
        answers.push(await client.request('who', {}));
        await client.disconnect();
      }
    }
    const names = measure.ownThreads();
    for (const server of servers) await server.stop();
    return { answers, threads: names && names.length };
  },

  forgotten: async () => {
    const server = await serve();
    const make = async () => {
      const client = await visit({ autoReconnect: false });
      await client.request('echo', 1);
      // What keeps the process keeps the client: only one that doesn't can be forgotten.
      await client.disconnect();
      SmartIpc.createClient({ ...options });
    };
    for (let round = 0; round < 20; round++) await make();
    const before = await measure.residentAfterGc();
    const descriptors = { before: measure.descriptors() };
    for (let round = 0; round < rounds; round++) {
      await make();
      if (round % 50 === 0) {
        globalThis.gc();
        await turn();
      }
    }
    const grown = (await measure.residentAfterGc()) - before;
    descriptors.after = measure.descriptors();
    while (server.getStats().connectedClients > 0) await turn();
    const left = server.getStats().connectedClients;
    await server.stop();
    return { left, grown, descriptors: descriptors.before === undefined ? undefined : descriptors };
  },

  'late calls': async () => {
    const outcomes = {};
    const attempt = async (name, call) => {
      outcomes[name] = await (async () => call())().then(
        () => 'nothing',
        (error) => error.code || String(error),
      );
    };
    const server = await serve();
    const client = await visit();
    await client.disconnect();
    await server.stop();
    for (const [name, call] of [
      ['request', () => client.request('echo', 1)],
      ['sendMessage', () => client.sendMessage('echo', 1)],
      ['subscribe', () => client.subscribe('a', () => {})],
      ['publish', () => client.publish('a', 1)],
      ['sendStream', () => client.sendStream(['x'])],
      ['disconnect', () => client.disconnect()],
      ['client stats', () => client.getStats()],
      ['stop', () => server.stop()],
      ['sendToClient', () => server.sendToClient('x', 'echo', 1)],
      ['requestClient', () => server.requestClient('x', 'echo', 1)],
      ['broadcast', () => server.broadcast('echo', 1)],
      ['server publish', () => server.publish('a', 1)],
      ['server stats', () => server.getStats()],
      ['address', () => server.address()],
    ]) {
      await attempt(name, call);
    }
    // From a finalizer.
    const other = await serve({ socketPath: `${socketPath}-2` });
    // A registry that is collected itself finalizes nothing.
    globalThis.registry = new FinalizationRegistry(() => {
      attempt('finalizer', () => Promise.all([other.broadcast('echo', 1), other.getStats(), other.stop()]));
    });
    (() => globalThis.registry.register({}, 0))();
    while (outcomes.finalizer === undefined) {
      globalThis.gc();
      await turn();
    }
    return { outcomes };
  },

  'exit listeners': async () => {
    const server = await serve();
    const client = await visit();
    process.on('exit', () => {
      for (const call of [
        () => client.request('echo', 1),
        () => client.sendMessage('echo', 1),
        () => server.broadcast('echo', 1),
        () => server.getStats(),
        () => client.getStats(),
        () => SmartIpc.createClient(options).connect(),
        () => SmartIpc.createServer({ ...options, socketPath: `${socketPath}-late` }).start(),
        () => client.disconnect(),
        () => server.stop(),
      ]) {
        const promise = call();
        if (promise && typeof promise.catch === 'function') promise.catch(() => {});
      }
    });
    report('leaving', { at: Date.now() });
    process.exit(3);
  },

  unhandled: async () => {
    const server = await serve();
    server.onMessage('bad', () => {
      (async () => {
        throw new Error('on purpose');
      })();
    });
    const client = await visit();
    await client.sendMessage('bad', {});
    await new Promise(() => {});
  },

  collected: async () => {
    const server = await serve();
    const client = await visit();
    let wrong = 0;
    const run = async (count) => {
      for (let index = 0; index < count; index += 20) {
        const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => client.request('echo', { index: index + at })));
        answers.forEach((answer, at) => (wrong += Number(answer.index !== index + at)));
        if (index % 100 === 0) globalThis.gc();
      }
    };
    await run(2000);
    const before = await measure.residentAfterGc();
    await run(rounds);
    const grown = (await measure.residentAfterGc()) - before;
    await client.disconnect();
    await server.stop();
    return { wrong, grown };
  },

  fork: () => childAsks(() => fork(self, { env: { ...process.env, ODD_ROLE: 'child' } })),

  cluster: () => {
    cluster.setupPrimary({ exec: path.resolve(self) });
    return childAsks(() => cluster.fork({ ODD_ROLE: 'child' }));
  },
};

if (process.env.ODD_ROLE === 'child') await asChild();
else report('outcome', await scenarios[scenario]());

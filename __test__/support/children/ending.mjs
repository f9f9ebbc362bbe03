// Ends in one of the ways a process can end: config { scenario, socketPath, amount }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const { socketPath, amount } = config;
const newServer = () => SmartIpc.createServer({ id: 'ending', socketPath });
const newClient = () => SmartIpc.createClient({ id: 'ending', socketPath, clientId: `ending-${process.pid}` });
/** The last thing the program does itself. */
const done = () => report('done', { at: Date.now() });

/** Asks without end, eight at a time. */
function keepAsking(client, onAnswer) {
  for (let lane = 0; lane < 8; lane++) {
    (async () => {
      for (;;) {
        await client.request('echo', { lane, filling: 'x'.repeat(2000) });
        client.sendMessage('noted', { lane });
        onAnswer();
      }
    })().catch(() => {});
  }
}

const scenarios = {
  'required only': async () => done(),

  'server that stops': async () => {
    const server = newServer();
    server.onMessage('echo', (payload) => payload);
    await server.start();
    await server.stop();
    done();
  },

  'server with a broadcast that is held': async () => {
    const server = newServer();
    server.on('clientConnect', (clientId) => {
      if (clientId !== 'last') return;
      // As if the last ones had followed each other quickly: see lib/cork.js.
      Object.assign(server._cork, { _cost: 1e9, _quick: 100, _ended: performance.now() });
      server.broadcast('news', 1);
      setImmediate(() => {
        server.broadcast('news', 2);
        done();
        process.once('exit', () => server.broadcast('news', 3));
        process.exit();
      });
    });
    await server.start();
    report('started');
  },

  'client that disconnects': async () => {
    const client = newClient();
    await client.connect();
    await client.subscribe('news', () => {});
    await Promise.all(Array.from({ length: 100 }, (_, index) => client.request('echo', index)));
    client.sendMessage('noted', 'last words');
    await client.disconnect();
    done();
  },

  'server that stops with clients': async () => {
    const server = newServer();
    server.onMessage('echo', (payload) => payload);
    await server.start();
    const clients = Array.from({ length: 5 }, () =>
      SmartIpc.createClient({ id: 'ending', socketPath, autoReconnect: false }),
    );
    await Promise.all(clients.map((client) => client.request('echo', 1)));
    await server.stop();
    done();
  },

  'disconnects without waiting': async () => {
    const client = newClient();
    await client.connect();
    client.request('echo', 1).catch(() => {});
    client.disconnect();
    done();
  },

  'unref server': async () => {
    const server = newServer();
    await server.start();
    server.unref();
    done();
  },

  'unref client': async () => {
    const client = newClient();
    await client.connect();
    client.unref();
    done();
  },

  'exits in traffic with both ends': async () => {
    const server = newServer();
    server.onMessage('echo', async (payload) => payload);
    await server.start();
    const client = newClient();
    await client.connect();
    let answers = 0;
    keepAsking(client, () => {
      if (++answers !== amount) return;
      done();
      process.exit(3);
    });
  },

  'exits in traffic': async () => {
    const client = newClient();
    await client.connect();
    let answers = 0;
    keepAsking(client, () => {
      if (++answers !== amount) return;
      done();
      process.exit(3);
    });
  },

  'client exits after sending': async () => {
    const client = newClient();
    await client.connect();
    for (let index = 0; index < amount; index++) client.sendMessage('noted', { index, filling: 'x'.repeat(500) });
    done();
    process.exit(0);
  },

  'client exits after publishing': async () => {
    const client = newClient();
    await client.connect();
    for (let index = 0; index < amount; index++) client.publish('news', { index });
    done();
    process.exit(0);
  },

  'server exits after sending': async () => {
    const server = newServer();
    await server.start();
    server.onMessage('go', (_payload, clientId) => {
      for (let index = 0; index < amount; index++) {
        server.sendToClient(clientId, 'noted', { index, filling: 'x'.repeat(500) });
      }
      done();
      process.exit(0);
    });
    report('ready');
  },

  'exits while sending in an exit listener': async () => {
    const client = newClient();
    await client.connect();
    process.on('exit', () => {
      for (let index = 0; index < amount; index++) client.sendMessage('noted', { index });
    });
    done();
    process.exit(0);
  },

  'uncaught in a handler': async () => {
    const server = newServer();
    server.onMessage('boom', function theGuiltyHandler() {
      throw new Error('thrown by the handler');
    });
    await server.start();
    report('ready');
  },

  'uncaught in an async handler': async () => {
    const server = newServer();
    server.onMessage('boom', async function theGuiltyHandler() {
      throw new Error('thrown by the handler');
    });
    await server.start();
    report('ready');
  },

  'uncaught in a topic handler': async () => {
    const client = newClient();
    await client.connect();
    await client.subscribe('boom', function theGuiltyHandler() {
      throw new Error('thrown by the handler');
    });
    report('ready');
  },

  'server, no signal handler': async () => {
    await newServer().start();
    report('ready');
  },

  'server that stops on a signal': async () => {
    const server = newServer();
    server.onMessage('echo', (payload) => payload);
    process.on('SIGTERM', async () => {
      await server.stop();
      done();
    });
    await server.start();
    report('ready');
  },

  'client that disconnects on a signal': async () => {
    const client = newClient();
    await client.connect();
    process.on('SIGTERM', async () => {
      await client.disconnect();
      done();
    });
    report('ready');
  },
};

await scenarios[config.scenario]();

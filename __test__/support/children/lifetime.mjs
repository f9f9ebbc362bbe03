// Opens what it is told and ends when nothing holds the process any more: config { scenario, socketPath }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const { socketPath } = config;
const newServer = () => SmartIpc.createServer({ id: 'lifetime', socketPath });
const newClient = () => SmartIpc.createClient({ id: 'lifetime', socketPath, clientId: 'lifetime' });

const scenarios = {
  'nothing opened': async () => {
    newServer();
    newClient();
  },
  'server running': async () => {
    const server = newServer();
    server.onMessage('quit', () => {
      setImmediate(() => server.stop());
      return 'quitting';
    });
    await server.start();
  },
  'server stopped': async () => {
    const server = newServer();
    await server.start();
    await server.stop();
  },
  'server unref': async () => {
    const server = newServer();
    await server.start();
    server.unref();
  },
  'server unref and ref': async () => {
    const server = newServer();
    server.onMessage('quit', () => {
      setImmediate(() => server.stop());
      return 'quitting';
    });
    await server.start();
    server.unref();
    server.ref();
  },
  'client connected': async () => {
    const client = newClient();
    client.onMessage('quit', () => {
      setImmediate(() => client.disconnect());
      return 'quitting';
    });
    await client.connect();
  },
  'client disconnected': async () => {
    const client = newClient();
    await client.connect();
    await client.request('echo', 1);
    await client.disconnect();
  },
  'client unref': async () => {
    const client = newClient();
    await client.connect();
    await client.request('echo', 1);
    client.unref();
  },
  'client unref and ref': async () => {
    const client = newClient();
    client.onMessage('quit', () => {
      setImmediate(() => client.disconnect());
      return 'quitting';
    });
    await client.connect();
    client.unref();
    client.ref();
  },
  'both in one process': async () => {
    const server = newServer();
    server.onMessage('echo', (payload) => payload);
    await server.start();
    const client = newClient();
    await client.connect();
    await client.request('echo', 1);
    await client.disconnect();
    await server.stop();
  },
};

await scenarios[config.scenario]();
report('set up');

// Endpoints without an 'error' listener, and calls nobody awaits: config { scenario, socketPath }.
import net from 'net';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const { socketPath } = config;
const closed = (socket) => new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));

process.on('warning', (warning) => report('warning', describe(warning)));
process.on('unhandledRejection', (reason) => report('unhandledRejection', { message: String(reason) }));

const scenarios = {
  'garbage from a client': async () => {
    const server = SmartIpc.createServer({ id: 'quiet', socketPath });
    server.onMessage('echo', (payload) => payload);
    await server.start();
    const socket = net.connect(socketPath);
    const end = closed(socket);
    socket.resume().write('GET / HTTP/1.1\r\n\r\n');
    await end;
    const client = SmartIpc.createClient({ id: 'quiet', socketPath });
    await client.connect();
    report('alive', { answer: await client.request('echo', 'still here') });
    await client.disconnect();
    await server.stop();
  },
  'throwing listener': async () => {
    const server = SmartIpc.createServer({ id: 'quiet', socketPath });
    server.onMessage('boom', () => {
      throw new Error('nobody listens to this');
    });
    await server.start();
    const client = SmartIpc.createClient({ id: 'quiet', socketPath });
    await client.sendMessage('boom', {});
  },
  'throwing request handler': async () => {
    const server = SmartIpc.createServer({ id: 'quiet', socketPath });
    server.onMessage('boom', () => {
      throw new Error('only the caller gets this');
    });
    await server.start();
    const client = SmartIpc.createClient({ id: 'quiet', socketPath });
    await client.connect();
    await client.request('boom', {}).catch((error) => report('rejected', describe(error)));
    await client.disconnect();
    await server.stop();
  },
  'calls nobody awaits': async () => {
    const client = SmartIpc.createClient({ id: 'quiet', socketPath, clientOnly: true });
    const error = new Promise((resolve) => client.on('error', resolve));
    client.sendMessage('lost', {});
    report('error', describe(await error));
    await client.disconnect();
  },
};

await scenarios[config.scenario]();
report('finished');

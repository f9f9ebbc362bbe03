// A server with the handlers the tests call: config { server, start }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const server = SmartIpc.createServer(config.server);

server.onMessage('echo', (payload) => payload);
server.onMessage('whoami', () => ({ pid: process.pid }));
server.onMessage('hang', (_payload, clientId) => {
  report('hanging', { clientId });
  return new Promise(() => {});
});
server.onMessage('fail', async function thisFunctionNameStaysHere({ name, message, code }) {
  const error = new Error(message);
  error.name = name;
  error.code = code;
  error.secret = 'stays here too';
  throw error;
});
server.onMessage('quit', () => {
  setImmediate(() => server.stop());
});

server.on('clientConnect', (clientId, metadata) => report('clientConnect', { clientId, metadata }));
server.on('clientDisconnect', (clientId, reason) => report('clientDisconnect', { clientId, reason }));
server.on('error', (error) => report('error', describe(error)));

await server.start(config.start);
report('ready', { pid: process.pid });

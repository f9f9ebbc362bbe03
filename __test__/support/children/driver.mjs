// Reports which driver serves a connection: config { socketPath, pretend? },
// where `pretend` is the name of a runtime that looks like Node.
import { createRequire } from 'node:module';
import { config, describe, report } from './report.mjs';

if (config.pretend) Object.defineProperty(process.versions, config.pretend, { value: '1.0.0', configurable: true });

try {
  const { SmartIpc } = createRequire(import.meta.url)('@push.rocks/smartipc');
  const server = SmartIpc.createServer({ id: 'driver', socketPath: config.socketPath });
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = SmartIpc.createClient({ id: 'driver', socketPath: config.socketPath, clientOnly: true });
  await client.connect();
  const answer = await client.request('echo', 'hello');
  report('served', { answer, server: server.getStats().driver, client: client.getStats().driver });
  await client.disconnect();
  await server.stop();
} catch (error) {
  report('failed', describe(error));
}

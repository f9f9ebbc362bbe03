// Listens in ways that others can read along and in ways that they can't, and
// reports what is warned of.
import { SmartIpc } from '@push.rocks/smartipc';
import { own } from '../certificates.mjs';
import { report } from './report.mjs';

const warnings = [];
process.on('warning', (warning) => warnings.push({ name: warning.name, code: warning.code, message: warning.message }));

for (const options of [
  { host: '127.0.0.1', port: 0 },
  { host: 'localhost', port: 0 },
  { host: '0.0.0.0', port: 0, tls: own('server') },
]) {
  const server = SmartIpc.createServer({ id: 'plain', ...options });
  await server.start();
  await server.stop();
}
report('warnings', { warnings: [...warnings] });
for (let time = 0; time < 2; time++) {
  const server = SmartIpc.createServer({ id: 'plain', host: '0.0.0.0', port: 0 });
  await server.start();
  await server.stop();
}
report('warnings', { warnings });

// A server that answers requests and tells its memory: config { socketPath }. Needs --expose-gc.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';
import measure from './measure.cjs';

const server = SmartIpc.createServer({ id: 'steady', socketPath: config.socketPath });
server.onMessage('double', ({ nonce, number }) => ({ nonce, double: 2 * number }));
server.onMessage('memory', measure.residentAfterGc);
server.onMessage('quit', () => {
  setImmediate(() => server.stop());
});
await server.start();
report('ready');

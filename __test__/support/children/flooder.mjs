// Sends messages without waiting and reports what became of the promises:
// config { role: 'server' | 'client', socketPath, count, size }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const { role, socketPath, count, size } = config;
const filling = 'x'.repeat(size);
const isServer = role === 'server';
const endpoint = isServer
  ? SmartIpc.createServer({ id: 'gated', socketPath })
  : SmartIpc.createClient({ id: 'gated', socketPath });
endpoint.on('error', (error) => report('error', { message: error.message, code: error.code }));

function send(index) {
  const payload = { index, filling };
  return isServer ? endpoint.sendToClient('receiver', 'load', payload) : endpoint.sendMessage('load', payload);
}

async function flood() {
  let resolved = 0;
  let rejected = 0;
  let heldSince;
  const sends = [];
  for (let index = 0; index < count; index++) {
    const promise = send(index);
    promise.then(
      () => resolved++,
      () => rejected++,
    );
    sends.push(promise);
    // What is queued when the first one has to wait.
    if (index % 50 === 49) {
      await new Promise((resolve) => setImmediate(resolve));
      if (heldSince === undefined && resolved + rejected < index + 1) {
        heldSince = endpoint.getStats().metrics.queuedBytes;
      }
    }
  }
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  const { queuedBytes } = endpoint.getStats().metrics;
  report('flooded', { resolved, rejected, held: count - resolved - rejected, heldSince, queuedBytes });
  await Promise.allSettled(sends);
  // It stands behind everything that was sent.
  await (isServer ? endpoint.requestClient('receiver', 'passed') : endpoint.request('passed'));
  report('settled', { resolved, rejected, queuedBytes: endpoint.getStats().metrics.queuedBytes });
}

if (isServer) {
  endpoint.on('clientConnect', flood);
  await endpoint.start();
  report('ready');
} else {
  await endpoint.connect();
  await flood();
}

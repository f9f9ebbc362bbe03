// One of two processes that send each other a large file at the same time:
// config { role, socketPath, file, target }. Reports sizes of memory.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const { role, socketPath, file, target } = config;
let peak = 0;
const base = () => process.memoryUsage().rss;

function watch() {
  const before = base();
  const timer = setInterval(() => (peak = Math.max(peak, base())), 20);
  return () => {
    clearInterval(timer);
    return { before, grown: Math.max(peak, base()) - before };
  };
}

/** Saves what comes; resolves when the large file has. */
function saves(endpoint) {
  return new Promise((resolve, reject) => {
    endpoint.on('stream', (info, readable) => {
      const where = info.meta.basename === 'warm-up' ? `${target}.warm` : target;
      const saving = SmartIpc.pipeStreamToFile(readable, where);
      if (where === target) saving.then(resolve, reject);
    });
  });
}

/** Sends ours while theirs is saved; resolves when both are done. */
async function exchange(send, saved) {
  // What a first transfer loads does not count.
  await send(config.warmUp);
  report('warm');
  await new Promise((resolve) => process.once('message', resolve));
  const stop = watch();
  const begun = process.hrtime.bigint();
  await Promise.all([send(file), saved]);
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  report('done', { ...stop(), seconds });
}

process.on('unhandledRejection', (error) => report('failed', { error: describe(error) }));
if (role === 'server') {
  const server = SmartIpc.createServer({ id: 'bulk', socketPath });
  const saved = saves(server);
  const connected = new Promise((resolve) => server.once('clientConnect', resolve));
  await server.start();
  report('ready');
  const clientId = await connected;
  await exchange((path) => server.sendFileToClient(clientId, path), saved);
  await new Promise((resolve) => process.once('message', resolve));
  await server.stop();
} else {
  const client = SmartIpc.createClient({ id: 'bulk', socketPath });
  const saved = saves(client);
  await client.connect();
  report('ready');
  await exchange((path) => client.sendFile(path), saved);
  await new Promise((resolve) => process.once('message', resolve));
  await client.disconnect();
}
process.disconnect();

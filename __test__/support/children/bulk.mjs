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

/** Sends ours and saves theirs; resolves when both are done. */
async function exchange(endpoint, send) {
  const saved = new Promise((resolve, reject) => {
    endpoint.on('stream', (info, readable) => {
      const where = info.meta.basename === 'warm-up' ? `${target}.warm` : target;
      const saving = SmartIpc.pipeStreamToFile(readable, where);
      if (where === target) saving.then(resolve, reject);
    });
  });
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
  const connected = new Promise((resolve) => server.once('clientConnect', resolve));
  await server.start();
  report('ready');
  const clientId = await connected;
  await exchange(server, (path) => server.sendFileToClient(clientId, path));
  await new Promise((resolve) => process.once('message', resolve));
  await server.stop();
} else {
  const client = SmartIpc.createClient({ id: 'bulk', socketPath });
  await client.connect();
  report('ready');
  await exchange(client, (path) => client.sendFile(path));
  await new Promise((resolve) => process.once('message', resolve));
  await client.disconnect();
}
process.disconnect();

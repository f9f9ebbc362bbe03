// One end of many streams that may be killed at any moment: config
// { socketPath, seed }. Sends and takes streams at random until then.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';
import measure from './measure.cjs';
import { randomSource, readAtRandom } from './random-stream.mjs';

const random = measure.randomFrom(config.seed);
const client = SmartIpc.createClient({ id: 'settle', socketPath: config.socketPath, clientId: config.clientId, autoReconnect: false });
client.on('error', () => {});
client.on('stream', (_info, readable) => void readAtRandom(readable, random));
client.on('disconnect', () => process.exit(0));
await client.connect();
report('ready');
for (;;) {
  await client.sendStream(randomSource(random)).catch(() => {});
  await new Promise((resolve) => setImmediate(resolve));
}

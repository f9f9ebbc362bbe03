// A client that sends messages and waits at each thousandth: config { id, socketPath, count, size }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';
import measure from './measure.cjs';

const { id, socketPath, count, size } = config;
const filling = 'x'.repeat(size);
const client = SmartIpc.createClient({ id, socketPath });
await client.connect();
const before = await measure.residentAfterGc();
let most = 0;
let rejected = 0;
for (let index = 0; index < count; index++) {
  const sent = client.sendMessage('load', { index, filling }).catch(() => rejected++);
  if (index % 1000 === 999) {
    await sent;
    most = Math.max(most, process.memoryUsage().rss);
  }
}
// It stands behind everything that was sent.
await client.request('passed', {}, { timeout: 120_000 });
report('sent', { rejected, grown: most - before });
await client.disconnect();

// A client that keeps its connection full for a while: config { millis, client }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const client = SmartIpc.createClient(config.client);
await client.connect();
const filling = 'x'.repeat(2000);
const until = Date.now() + config.millis;
let answered = 0;
await Promise.all(
  Array.from({ length: 200 }, async () => {
    while (Date.now() < until) {
      await client.request('echo', { filling });
      answered++;
    }
  }),
);
const { heartbeatTimeouts, reconnects } = client.getStats().metrics;
report('saturated', { answered, heartbeatTimeouts, reconnects });
await client.disconnect();

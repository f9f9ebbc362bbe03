// Two ends under heartbeats while the time of day jumps: config { socketPath, offset }.
import fs from 'fs';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const { socketPath, offset } = config;
const beats = { heartbeatInterval: 100, heartbeatTimeout: 2000 };
const server = SmartIpc.createServer({ id: 'jumping', socketPath, clientIdleTimeout: 5000, ...beats });
server.onMessage('echo', (payload) => payload);
let release;
server.onMessage('wait', () => new Promise((resolve) => (release = resolve)));
await server.start();
const client = SmartIpc.createClient({ id: 'jumping', socketPath, ...beats });
await client.connect();
const waiting = client.request('wait', {}, { timeout: 20_000 });
const jumps = [];
const received = () => client.getStats().metrics.bytesReceived + server.getStats().metrics.bytesReceived;
const before = received();
for (const seconds of [3600, 0]) {
  const from = Date.now();
  fs.writeFileSync(offset, String(seconds));
  jumps.push(Date.now() - from);
  // Several heartbeats in silence.
  await new Promise((resolve) => setTimeout(resolve, 700));
  await client.request('echo', seconds);
}
const beaten = received() - before;
release('answered');
await waiting;
const { heartbeatTimeouts, requestTimeouts, reconnects } = client.getStats().metrics;
const others = server.getStats().metrics;
report('jumped', {
  jumps,
  heartbeatTimeouts: heartbeatTimeouts + others.heartbeatTimeouts,
  requestTimeouts: requestTimeouts + others.requestTimeouts,
  reconnects,
  beats: beaten,
});
await client.disconnect();
await server.stop();

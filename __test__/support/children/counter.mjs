// A client that counts messages of type 'x': config { client, expected }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const client = SmartIpc.createClient(config.client);
let count = 0;
client.onMessage('x', () => {
  if (++count === config.expected) report('counted', { count });
});
client.on('disconnect', (reason, message) => report('disconnect', { reason, message, count }));
client.on('error', () => {});
await client.connect();
report('connected');

// Sends one request and reports its outcome: config { client, type, payload }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const client = SmartIpc.createClient(config.client);
try {
  report('answered', { answer: await client.request(config.type, config.payload) });
} catch (error) {
  report('failed', describe(error));
}
await client.disconnect();

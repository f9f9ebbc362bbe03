// Tries to connect and reports how that went: config { client }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const client = SmartIpc.createClient(config.client);
try {
  await client.connect();
  report('connected');
  await client.disconnect();
} catch (error) {
  report('refused', describe(error));
}

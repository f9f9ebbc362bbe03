// Connects one client after the other until one is refused: config { client, most }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const clients = [];
let refused;
while (refused === undefined && clients.length < config.most) {
  const client = SmartIpc.createClient({ ...config.client, clientId: `crowd-${clients.length}` });
  try {
    await client.connect();
    clients.push(client);
  } catch (error) {
    refused = describe(error);
  }
}
report('crowd', { connected: clients.length, refused });

// A client that asks for something lasting and can be killed meanwhile: config { client, asks }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const client = SmartIpc.createClient(config.client);
client.on('disconnect', (reason) => report('disconnect', { reason }));
client.on('connect', () => report('connect', { clientId: client.getClientId() }));
client.on('error', (error) => report('error', describe(error)));
client.on('heartbeatTimeout', (error) => report('heartbeatTimeout', describe(error)));
client.onMessage('wait', () => {
  report('waiting');
  return new Promise(() => {});
});
client.onMessage('echo', (payload) => payload);
await client.connect();
for (const topic of ['news.*', 'numbers', '**']) {
  await client.subscribe(topic, (payload, { topic }) => report('heard', { topic, payload }));
}
for (let number = 0; number < config.asks; number++) {
  client.request('last', { number }).then(
    (answer) => report('answered', { answer }),
    (error) => report('failed', describe(error)),
  );
}
report('asked', { pid: process.pid });

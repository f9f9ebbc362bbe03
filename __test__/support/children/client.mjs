// A connected client that reports its events and the messages it gets: config { client }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const client = SmartIpc.createClient(config.client);
let taken = 0;

client.on('disconnect', (reason, message) => report('disconnect', { reason, message }));
client.on('reconnecting', (attempt) => report('reconnecting', { attempt }));
client.on('heartbeatTimeout', (error) => report('heartbeatTimeout', describe(error)));
client.on('error', (error) => report('error', describe(error)));

client.onMessage('echo', (payload) => payload);
client.onMessage('bulk', () => {
  taken++;
});
client.onMessage('taken', () => ({ taken }));
client.onMessage('note', (payload) => report('note', { payload }));

await client.connect(config.connect);
report('connected', { clientId: client.getClientId(), pid: process.pid });

// Sends or saves one file under the limits of this process: config
// { socketPath, file, target, announce }. Connects to a server of the test.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

// Without this the limit's signal would end the process before EFBIG comes.
process.on('SIGXFSZ', () => {});
const client = SmartIpc.createClient({ id: 'streams', socketPath: config.socketPath, clientId: 'filing' });
client.on('error', () => {});
client.on('stream', (_info, readable) => {
  SmartIpc.pipeStreamToFile(readable, config.target).then(
    () => report('saved'),
    (error) => report('failed', { error: { ...describe(error), syscall: error.syscall } }),
  );
});
await client.connect();
report('ready', { uid: process.getuid() });
if (config.file) {
  await client.sendFile(config.file).then(
    () => report('sent'),
    (error) => report('failed', { error: { ...describe(error), origin: error.origin } }),
  );
  await client.disconnect();
}

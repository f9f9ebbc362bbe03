// A client whose JavaScript stands still from the message 'stand still' on, until
// a file appears: config { socketPath, file, target, until }. Sends `file`, or
// saves what comes as `target`.
import fs from 'fs';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const failed = (error) => report('failed', { error: describe(error) });
const client = SmartIpc.createClient({ id: 'streams', socketPath: config.socketPath, clientId: 'busy' });
client.on('stream', (_info, readable) => SmartIpc.pipeStreamToFile(readable, config.target).then(() => report('saved'), failed));
process.once('message', () => {
  report('standing still');
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  while (!fs.existsSync(config.until)) Atomics.wait(nobody, 0, 0, 5);
  report('going on');
});
await client.connect();
report('ready', { driver: client.getStats().driver });
if (config.file) client.sendFile(config.file).then(() => report('sent'), failed);

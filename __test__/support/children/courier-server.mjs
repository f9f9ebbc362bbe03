// A server of streams that can be killed: config { socketPath, sends }. Counts
// streams whose meta is 'count', leaves others in the middle.
import fs from 'fs';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const server = SmartIpc.createServer({ id: 'streams', socketPath: config.socketPath, autoCleanupSocketFile: true });
server.on('error', () => {});
server.on('stream', async (info, readable) => {
  if (info.meta !== 'count') {
    readable.once('data', () => {
      readable.pause();
      report('stream');
    });
    return;
  }
  let bytes = 0;
  for await (const piece of readable) bytes += piece.length;
  report('counted', { bytes });
});
if (config.sends) {
  server.on('clientConnect', (clientId) => server.sendStreamToClient(clientId, fs.createReadStream('/dev/zero')));
}
await server.start();
report('ready');

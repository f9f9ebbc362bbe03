// Takes files into a folder. Run it with: node server.mjs [socket path] [folder]
import fs from 'fs';
import path from 'path';
import { SmartIpc } from '@push.rocks/smartipc';

const folder = path.resolve(process.argv[3] || 'dropped');
fs.mkdirSync(folder, { recursive: true });
const server = SmartIpc.createServer({
  id: 'file-drop',
  socketPath: process.argv[2] || '/tmp/file-drop.sock',
  autoCleanupSocketFile: true,
  maxConcurrentStreams: 4,
});

server.on('stream', async (info, readable) => {
  if (info.meta?.type !== 'file') {
    server.cancelIncomingStreamFromClient(info.clientId, info.streamId);
    return;
  }
  // The sender's basename comes without folders: it can't lead out of ours.
  const name = info.meta.basename;
  await SmartIpc.pipeStreamToFile(readable, path.join(folder, name), { fsync: true });
  console.log(`took ${name} from ${info.clientId}`);
});
// What the listener throws, too: a full disk must not end the server.
server.on('error', (error, clientId) => console.error(`${clientId}: ${error.message}`));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.stop());

await server.start();
console.log(`files go to ${folder}`);

// Sends a file and shows how far it is. Run it with: node client.mjs [socket path] file
import { SmartIpc } from '@push.rocks/smartipc';

const [socketPath, file] = process.argv.length > 3 ? process.argv.slice(2) : ['/tmp/file-drop.sock', process.argv[2]];
const client = SmartIpc.createClient({ id: 'file-drop', socketPath, clientOnly: true, clientId: `sender-${process.pid}` });

// Ctrl+C gives the file up; the server keeps nothing of it.
const controller = new AbortController();
process.once('SIGINT', () => controller.abort());

try {
  await client.connect();
  let shown = -1;
  await client.sendFile(file, {
    signal: controller.signal,
    onProgress({ bytes, total }) {
      const percent = total === 0 ? 100 : Math.floor((100 * bytes) / total);
      if (percent === shown) return;
      shown = percent;
      console.log(`${percent} %`);
    },
  });
  console.log('sent');
} catch (error) {
  console.error(`not sent: ${error.message}`);
  process.exitCode = 1;
} finally {
  await client.disconnect();
}

// A client that looks a name up where the name server says nothing, and a server
// that starts meanwhile: config { socketPath }. Runs in a network of its own.
import dgram from 'dgram';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

let asked = 0;
const silent = dgram.createSocket('udp4');
const question = new Promise((resolve) => {
  silent.on('message', () => {
    asked++;
    resolve();
  });
});
await new Promise((resolve) => silent.bind(53, '127.0.0.1', resolve));
const clients = ['one.test', 'two.test'].map((host) => SmartIpc.createClient({ id: 'lost', host, port: 1, clientOnly: true }));
for (const client of clients) client.connect().catch(() => {});
await question;

const server = SmartIpc.createServer({ id: 'found', socketPath: config.socketPath });
const begun = Date.now();
await server.start();
report('started', { asked, started: Date.now() - begun });
process.exit(0);

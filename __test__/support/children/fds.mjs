// Lists what a program inherits, besides its standard streams, that is run while a
// server and a client are open.
import { execFileSync } from 'child_process';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const server = SmartIpc.createServer(config.server);
await server.start();
const client = SmartIpc.createClient(config.server);
await client.connect();
const script = "for (const fd of require('fs').readdirSync('/proc/self/fd')) if (fd > 2) try { console.log(require('fs').readlinkSync('/proc/self/fd/' + fd)) } catch {}";
const inherited = execFileSync(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
report('inherited', { names: String(inherited).trim().split('\n') });
await client.disconnect();
await server.stop();

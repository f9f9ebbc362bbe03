// The package as an ES module, with static imports of all kinds.

import { createRequire } from 'module';
import facade, { IpcClient, IpcError, IpcServer, SmartIpc } from '@push.rocks/smartipc';
import * as all from '@push.rocks/smartipc';

const required = createRequire(import.meta.url)('@push.rocks/smartipc');
const config = JSON.parse(process.argv[3]);

const server = SmartIpc.createServer(config);
server.onMessage('greet', ({ name }) => ({ response: `Hello ${name}!` }));
await server.start();
const client = SmartIpc.createClient(config);
await client.connect();
const { response } = await client.request('greet', { name: 'module' });
await client.disconnect();
await server.stop();

const same = [facade.SmartIpc, all.SmartIpc, required.SmartIpc].every((it) => it === SmartIpc);
const classes = server instanceof IpcServer && client instanceof IpcClient && new IpcError('X', 'y') instanceof Error;
process.stdout.write(`${JSON.stringify({ event: 'imported', response, same, classes })}\n`);

// Over TCP, for those who know the token. Without the option `tls` TCP is not encrypted:
// let it leave the machine with `tls` only. Run it with: TOKEN=secret node server.mjs [port]
import { SmartIpc } from '@push.rocks/smartipc';

if (!process.env.TOKEN) throw new Error('TOKEN must be set');
const server = SmartIpc.createServer({
  id: 'clock',
  host: '127.0.0.1',
  port: Number(process.argv[2] || 9876), // 0: the system chooses
  authToken: process.env.TOKEN,
});
server.onMessage('time', (_payload, clientId) => ({ time: new Date().toISOString(), for: clientId }));
server.on('clientDisconnect', () => server.stop());

await server.start();
console.log(`listening on port ${server.address().port}`);

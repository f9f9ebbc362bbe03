// The server of the quick start. Run it with: node server.mjs [socket path]
import { SmartIpc } from '@push.rocks/smartipc';

const server = SmartIpc.createServer({
  id: 'my-service',
  socketPath: process.argv[2] || '/tmp/my-service.sock',
  autoCleanupSocketFile: true,
});

server.onMessage('greet', async (data, clientId) => {
  console.log(`Client ${clientId} says:`, data.message);
  return { response: `Hello ${data.name}!` };
});

// A real server goes on; this one ends with its first client.
server.on('clientDisconnect', () => server.stop());

await server.start({ readyWhen: 'accepting' });
console.log('Server is ready to accept connections! 🚀');

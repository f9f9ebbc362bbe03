// A user of TypeScript 4.0, with what that version knows.

import { IIpcClientOptions, IIpcServerOptions, IpcClient, IpcError, IpcServer, SmartIpc } from '@push.rocks/smartipc';

interface Greeting {
  name: string;
}

const serverOptions: IIpcServerOptions = { id: 'greeter', socketPath: '/tmp/greeter.sock', autoCleanupSocketFile: true };
const clientOptions: IIpcClientOptions = { id: 'greeter', socketPath: '/tmp/greeter.sock', clientId: 'web-1' };

export async function greet(): Promise<string> {
  const server: IpcServer = SmartIpc.createServer(serverOptions);
  server.on('clientConnect', (clientId, metadata) => console.log(clientId.length, metadata));
  server.on('error', (error, clientId) => {
    console.log(error.message, clientId);
  });
  server.on('an event of their own', (...args: any[]) => console.log(args));
  server.onMessage<Greeting, { text: string }>('greet', async (data, clientId) => ({ text: `${data.name} ${clientId}` }));
  await server.start({ readyWhen: 'accepting' });

  const client: IpcClient = SmartIpc.createClient(clientOptions);
  client.on('reconnecting', (attempt, delayMs) => {
    console.log(attempt.toFixed(), delayMs.toFixed());
  });
  await client.connect({ waitForReady: true });
  await client.subscribe<Greeting>('greeting.*', (greeting, { topic }) => console.log(greeting.name, topic));
  try {
    const answer = await client.request<Greeting, { text: string }>('greet', { name: 'Ada' }, { timeout: 500 });
    return answer.text;
  } catch (error) {
    return error instanceof IpcError && error.code === 'IPC_ERR_TIMEOUT' ? 'late' : 'failed';
  } finally {
    const sent: number = client.getStats().metrics.messagesSent;
    console.log(sent);
    await client.disconnect();
    await server.stop();
  }
}

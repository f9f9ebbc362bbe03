// Options: what is accepted, what is not, and what comes back.

import { SmartIpc, IpcChannel, IpcClient, IpcServer } from '@push.rocks/smartipc';
import type {
  IClientConnectOptions,
  IConnectRetryConfig,
  IIpcAddress,
  IIpcChannelOptions,
  IIpcClientInfo,
  IIpcClientOptions,
  IIpcMessageEnvelope,
  IIpcMetrics,
  IIpcServerOptions,
  IIpcTransportOptions,
  IServerStartOptions,
  ISpawnAndConnectOptions,
  IWaitForServerOptions,
} from '@push.rocks/smartipc';
import type { ChildProcess } from 'child_process';
import { same, some } from './equal.ts';

// All options -----------------------------------------------------------------

const transport: Required<IIpcTransportOptions> = {
  id: 'library',
  socketPath: '/tmp/library.sock',
  host: 'localhost',
  port: 9876,
  encryption: true,
  tls: { cert: 'PEM', key: Buffer.from('PEM'), ca: ['PEM', Buffer.from('PEM')], requestCert: true, servername: 'a', rejectUnauthorized: true },
  authToken: 'secret',
  timeout: 30000,
  noDelay: true,
  maxMessageSize: 8 * 1024 * 1024,
  serialization: 'advanced',
  busyPoll: 50,
};
const heartbeats = {
  heartbeat: true,
  heartbeatInterval: 3000,
  heartbeatTimeout: 10000,
  heartbeatInitialGracePeriodMs: 5000,
  heartbeatThrowOnTimeout: 'false',
  maxConcurrentStreams: 2,
} as const;
const channel: Required<IIpcChannelOptions> = {
  ...transport,
  ...heartbeats,
  clientOnly: true,
  socketMode: 0o600,
  autoReconnect: true,
  reconnectDelay: 1000,
  maxReconnectDelay: 30000,
  reconnectMultiplier: 1.5,
  maxReconnectAttempts: Infinity,
};
const retry: Required<IConnectRetryConfig> = {
  enabled: true,
  initialDelay: 100,
  maxDelay: 1500,
  maxAttempts: 20,
  totalTimeout: 15000,
};
const forServer: Required<IIpcServerOptions> = {
  ...transport,
  ...heartbeats,
  maxClients: 10,
  maxClientsPerUid: 5,
  clientIdleTimeout: 60000,
  autoCleanupSocketFile: true,
  socketMode: 0o600,
  slowConsumer: 'drop-oldest',
  writeTimeout: 10000,
  handshakeTimeout: 10000,
  frameTimeout: 30000,
  allowedUids: [0, 1000],
  allowedGids: [],
};
const forClient: Required<IIpcClientOptions> = {
  ...channel,
  clientId: 'reader',
  metadata: { version: '1.2', tags: ['a'] },
  socketMode: 0o600,
  connectRetry: retry,
  registerTimeoutMs: 8000,
  expectServerUid: 0,
};
const starting: Required<IServerStartOptions> = { readyWhen: 'socket-bound' };
const connecting: Required<IClientConnectOptions> = { waitForReady: true, waitTimeout: 10000 };

const createdServer = SmartIpc.createServer(forServer);
const createdClient = SmartIpc.createClient(forClient);
const createdChannel = SmartIpc.createChannel(channel);
same<typeof createdServer, IpcServer>(true);
same<typeof createdClient, IpcClient>(true);
same<typeof createdChannel, IpcChannel>(true);
createdServer.start(starting);
createdClient.connect(connecting);
createdChannel.connect();
new IpcChannel({ id: 'library' });

// A variable for later.
let later: ReturnType<typeof SmartIpc.createClient> | undefined;
later = createdClient;
later.request('find', {}).then((found) => found.title);
const earlier: IpcClient = later;
new IpcServer({ id: 'library' });
new IpcClient({ id: 'library' });

// What is undefined counts as not given.
SmartIpc.createClient({ id: 'library', authToken: process.env.TOKEN, connectRetry: undefined });

interface Metadata {
  role: string;
}
SmartIpc.createClient({ id: 'library', metadata: some<Metadata>() });

// Wrong ones ------------------------------------------------------------------

// @ts-expect-error no options
SmartIpc.createServer();
// @ts-expect-error the id is missing
SmartIpc.createServer({ socketPath: '/tmp/library.sock' });
// @ts-expect-error the id is missing
SmartIpc.createClient({});
// @ts-expect-error not a string
SmartIpc.createClient({ id: 5 });
// @ts-expect-error not a number
SmartIpc.createServer({ id: 'library', port: '9876' });
// @ts-expect-error the id is missing
SmartIpc.createChannel({});
// @ts-expect-error an option of clients
SmartIpc.createChannel({ id: 'library', connectRetry: { enabled: true } });
// @ts-expect-error not a boolean
SmartIpc.createServer({ id: 'library', autoCleanupSocketFile: 'yes' });
// @ts-expect-error not a boolean, nor the text of one
SmartIpc.createServer({ id: 'library', heartbeatThrowOnTimeout: 'perhaps' });
// @ts-expect-error no such serialization
SmartIpc.createServer({ id: 'library', serialization: 'yaml' });
// @ts-expect-error no such policy
SmartIpc.createServer({ id: 'library', slowConsumer: 'punish' });
// @ts-expect-error not numbers
SmartIpc.createServer({ id: 'library', allowedUids: ['root'] });
// @ts-expect-error an option of clients
SmartIpc.createServer({ id: 'library', clientOnly: true });
// @ts-expect-error an option of clients
SmartIpc.createServer({ id: 'library', autoReconnect: false });
// @ts-expect-error an option of servers
SmartIpc.createClient({ id: 'library', maxClients: 5 });
// @ts-expect-error misspelt
SmartIpc.createClient({ id: 'library', socketpath: '/tmp/library.sock' });
// @ts-expect-error not an object
SmartIpc.createClient({ id: 'library', connectRetry: true });
// @ts-expect-error not a number
SmartIpc.createClient({ id: 'library', connectRetry: { maxAttempts: 'ten' } });
// @ts-expect-error not an object
SmartIpc.createClient({ id: 'library', metadata: 'reader' });

// Helpers for tests -----------------------------------------------------------

const waiting: Required<IWaitForServerOptions> = { socketPath: '/tmp/a.sock', host: '::1', port: 1, tls: { ca: 'PEM' }, timeoutMs: 10000 };
const spawning: ISpawnAndConnectOptions = {
  serverScript: './server.js',
  socketPath: '/tmp/test.sock',
  clientId: 'test-client',
  connectRetry: { enabled: true, maxAttempts: 10 },
  timeoutMs: 10000,
  spawnOptions: { env: process.env, stdio: 'inherit' },
};
const waited = SmartIpc.waitForServer(waiting);
same<typeof waited, Promise<void>>(true);
SmartIpc.spawnAndConnect(spawning).then(({ client, serverProcess }) => {
  same<typeof client, IpcClient>(true);
  same<typeof serverProcess, ChildProcess>(true);
  serverProcess.kill();
});

// @ts-expect-error milliseconds, not a text
SmartIpc.waitForServer({ socketPath: '/tmp/test.sock', timeoutMs: '10s' });
// @ts-expect-error the script is missing
SmartIpc.spawnAndConnect({ socketPath: '/tmp/test.sock' });

// What is known ---------------------------------------------------------------

const server = some<IpcServer>();
const client = some<IpcClient>();
const serverStats = server.getStats();
const clientStats = client.getStats();
same<typeof serverStats.metrics, IIpcMetrics>(true);
same<typeof clientStats.metrics, IIpcMetrics>(true);
same<typeof serverStats.isRunning, boolean>(true);
same<typeof serverStats.isReachable, boolean>(true);
same<typeof clientStats.reconnectAttempts, number>(true);
same<typeof serverStats.metrics.connectedAt, number | undefined>(true);
same<typeof serverStats.metrics.closeReasons.replaced, number | undefined>(true);
// @ts-expect-error no such reason
serverStats.metrics.closeReasons.bored;

const info = server.getClientInfo('client-123');
same<typeof info, IIpcClientInfo | undefined>(true);
// @ts-expect-error it may not be connected
info.connectedAt;
new Date(info!.connectedAt);
same<ReturnType<typeof server.getClientIds>, string[]>(true);
same<ReturnType<typeof server.address>, string | IIpcAddress | null>(true);
same<ReturnType<typeof client.getClientId>, string>(true);
same<ReturnType<typeof client.getIsConnected>, boolean>(true);
same<ReturnType<typeof server.getIsReady>, boolean>(true);

const envelope: IIpcMessageEnvelope<{ name: string }> = { id: '1', type: 'greet', timestamp: 0, payload: { name: '' } };
same<typeof envelope.correlationId, string | undefined>(true);
same<IIpcMessageEnvelope['payload'], any>(true);

export { earlier };

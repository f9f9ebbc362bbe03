// Events: documented ones are typed, all others are possible.

import { EventEmitter, once } from 'events';
import type {
  IIpcChannelEvents,
  IIpcClientEvents,
  IIpcEventError,
  IIpcIncomingStream,
  IIpcMessageContext,
  IIpcServerEvents,
  IIpcServerStreamInfo,
  IIpcStreamInfo,
  IpcChannel,
  IpcClient,
  IpcCloseReason,
  IpcError,
  IpcServer,
} from '@push.rocks/smartipc';
import { same, some } from './equal.ts';

const server = some<IpcServer>();
const client = some<IpcClient>();
const channel = some<IpcChannel>();

// Server ----------------------------------------------------------------------

server.on('start', () => {}).once('ready', () => {}).on('stop', () => {});
server.on('clientConnect', (clientId, metadata) => {
  same<typeof clientId, string>(true);
  same<typeof metadata, any>(true);
});
server.on('clientConnect', (clientId: string, metadata: { role: string }) => console.log(clientId, metadata.role));
server.on('clientDisconnect', (clientId, reason, message) => {
  same<typeof clientId, string>(true);
  same<typeof reason, IpcCloseReason>(true);
  same<typeof message, string>(true);
});
server.on('error', (error, clientId) => {
  same<typeof error, IIpcEventError>(true);
  same<typeof error.code, string | undefined>(true);
  same<typeof clientId, string | undefined>(true);
});
server.on('heartbeatTimeout', (clientId, error) => {
  same<typeof clientId, string>(true);
  same<typeof error, IpcError>(true);
});

server.on('stream', async (info, readable) => {
  same<typeof info, IIpcServerStreamInfo>(true);
  same<typeof info.clientId, string>(true);
  same<typeof readable, IIpcIncomingStream>(true);
});

// @ts-expect-error the id is a string
server.on('clientConnect', (clientId: number) => console.log(clientId));
// @ts-expect-error nothing is told
server.once('ready', (port: number) => console.log(port));
// @ts-expect-error no such reason
server.on('clientDisconnect', (clientId, reason) => reason === 'bored');
// @ts-expect-error a listener is a function
server.on('stop', 'listener');

// Client ----------------------------------------------------------------------

client.on('connect', async () => {});
client.on('disconnect', (reason, message) => {
  same<typeof reason, IpcCloseReason>(true);
  same<typeof message, string>(true);
});
client.on('disconnect', (reason: string) => console.log(reason));
client.once('reconnecting', (attempt, delayMs) => {
  same<typeof attempt, number>(true);
  same<typeof delayMs, number>(true);
});
client.on('error', (error) => {
  same<typeof error, IIpcEventError>(true);
});
client.on('error', (error: Error) => console.error(error));
client.on('error', (error: NodeJS.ErrnoException) => console.error(error.code));
client.on('heartbeatTimeout', (error) => {
  same<typeof error, IpcError>(true);
});

client.on('stream', (info, readable) => {
  same<typeof info, IIpcStreamInfo>(true);
  same<typeof info.clientId, string | undefined>(true);
  same<typeof readable, IIpcIncomingStream>(true);
});
client.once('hosting', () => {});

// @ts-expect-error the error comes alone
client.on('heartbeatTimeout', (clientId: string) => console.log(clientId));
// @ts-expect-error an attempt is a number
client.on('reconnecting', (attempt: string) => console.log(attempt));
// @ts-expect-error a handler's own error need not be an IpcError
client.on('error', (error: IpcError) => console.error(error));

// @ts-expect-error nothing is told
client.on('hosting', (path: string) => console.log(path));

// Channel: any other name is a message type -----------------------------------

channel.on('connect', () => {}).on('hosting', () => {});
channel.on('disconnect', (reason, message) => {
  same<typeof reason, IpcCloseReason>(true);
  same<typeof message, string>(true);
});
channel.on('stream', (info) => {
  same<typeof info, IIpcStreamInfo>(true);
});
channel.once('error', (error) => {
  same<typeof error, IIpcEventError>(true);
});
channel.on('greet', async (data, context) => {
  same<typeof data, any>(true);
  same<typeof context, IIpcMessageContext>(true);
  return { response: `Hello ${data.name}!` };
});
channel.on<{ name: string }, string>('greet', (data) => data.name);
channel.once('greet', (data) => data.name).off('greet', (data) => data.name);

// @ts-expect-error a message type is a string
channel.on(Symbol('own'), () => {});
// @ts-expect-error a listener of `error` gets the error
channel.on('error', (error: number) => console.log(error));
// @ts-expect-error the answer is no string
channel.on<{ name: string }, string>('greet', () => 5);

// off, emit -------------------------------------------------------------------

const onConnect = (clientId: string) => console.log(clientId);
server.on('clientConnect', onConnect).off('clientConnect', onConnect);
same<ReturnType<typeof server.emit>, boolean>(true);
server.emit('clientConnect', 'client-1', undefined);
server.emit('ready');
client.emit('reconnecting', 1, 1000);

// @ts-expect-error the listener of another event
server.off('reconnecting', onConnect).off('heartbeatTimeout', (error: Error) => console.log(error));
// @ts-expect-error arguments are missing
server.emit('clientConnect');
// @ts-expect-error the delay is missing
client.emit('reconnecting', 1);

// Other names -----------------------------------------------------------------

server.on('own', async (first, second) => {
  same<typeof first, any>(true);
  same<typeof second, any>(true);
});
server.on(Symbol('own'), (first, second) => console.log(first, second));
client.emit('own', 1, 2, 3);
server.on(some<string>(), (...args) => console.log(args.length));
for (const event of ['clientConnect', 'clientDisconnect'] as const) {
  server.on(event, (...args) => {
    same<(typeof args)[0], string>(true);
  });
}

// As an EventEmitter ----------------------------------------------------------

const emitters: EventEmitter[] = [server, client, channel];
server.addListener('ready', () => {}).prependListener('ready', () => {}).removeAllListeners('ready');
server.addListener('clientConnect', (clientId) => {
  same<typeof clientId, string>(true);
});
server.prependOnceListener('error', (error, clientId) => {
  same<typeof error, IIpcEventError>(true);
  same<typeof clientId, string | undefined>(true);
});
server.removeListener('clientConnect', onConnect);
// @ts-expect-error the id is a string
server.prependListener('clientConnect', (clientId: number) => console.log(clientId));
same<ReturnType<typeof server.listenerCount>, number>(true);
once(server, 'ready');
once(client, 'connect', { signal: new AbortController().signal });

/** A listener kept for later. */
function listen<E extends keyof IIpcServerEvents>(event: E, listener: (...args: IIpcServerEvents[E]) => void): void {
  server.on(event, listener);
}
listen('clientConnect', (clientId) => {
  same<typeof clientId, string>(true);
});
same<IIpcClientEvents['reconnecting'], [attempt: number, delayMs: number]>(true);
same<IIpcChannelEvents['reconnecting'], [attempt: number, delayMs: number]>(true);

/** A server with an event of its own. */
declare class Counting extends (0 as unknown as typeof import('@push.rocks/smartipc').IpcServer) {
  count: number;
}
some<Counting>().on('counted', (count) => console.log(count));

export { emitters };

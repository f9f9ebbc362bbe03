// Streams and files: what can be sent, what comes back, what is told.

import fs from 'fs';
import { Readable } from 'stream';
import { ReadableStream } from 'stream/web';
import { SmartIpc } from '@push.rocks/smartipc';
import type {
  IIpcIncomingStream,
  IIpcOutgoingStream,
  IIpcPrimaryChannel,
  IIpcStreamInfo,
  IIpcStreamOptions,
  IIpcStreamProgress,
  IPipeStreamToFileOptions,
  IpcChannel,
  IpcClient,
  IpcHeaders,
  IpcServer,
  IpcStreamSource,
} from '@push.rocks/smartipc';
import { same, some } from './equal.ts';

const server = some<IpcServer>();
const client = some<IpcClient>();
const channel = some<IpcChannel>();

// Sources ---------------------------------------------------------------------

const sources: IpcStreamSource[] = [
  fs.createReadStream('in.bin'),
  Readable.from(['text']),
  some<NodeJS.ReadableStream>(),
  some<ReadableStream<Uint8Array>>(),
  some<AsyncGenerator<string>>(),
  some<AsyncIterable<Buffer>>(),
  some<Iterable<Uint8Array | string>>() as IterableIterator<string>,
  [Buffer.from('bytes'), 'text'],
  new Set(['text']),
  Buffer.from('bytes'),
];
client.sendStream(process.stdin);
client.sendStream(
  (async function* () {
    yield 'text';
    yield Buffer.from('bytes');
  })()
);

// @ts-expect-error the path of a file is for sendFile
client.sendStream('/tmp/in.bin');
// @ts-expect-error numbers are no bytes
client.sendStream([1, 2, 3]);
// @ts-expect-error no source
client.sendStream();

// Sending ---------------------------------------------------------------------

const all: Required<IIpcStreamOptions> = {
  meta: { type: 'file', basename: 'local.bin' },
  headers: { trace: 'abc' },
  chunkSize: 64 * 1024,
  streamId: 'upload-1',
  signal: new AbortController().signal,
  onProgress: (progress) => {
    same<typeof progress, IIpcStreamProgress>(true);
    same<typeof progress.bytes, number>(true);
    same<typeof progress.total, number | undefined>(true);
  },
};
same<ReturnType<typeof client.sendStream>, IIpcOutgoingStream>(true);
same<ReturnType<typeof channel.sendFile>, IIpcOutgoingStream>(true);
same<ReturnType<typeof server.sendFileToClient>, IIpcOutgoingStream>(true);
const sending = client.sendFile('/tmp/in.bin', all);
const sent: Promise<void> = sending;
const id: string = sending.streamId;
const fromPromise: IIpcOutgoingStream = some<Promise<void> & { streamId: string }>();
server.sendStreamToClient('client-1', fs.createReadStream('in.bin'), all);
server.sendStreamToClient(client.getClientId(), fs.createReadStream('in.bin'), { meta: { type: 'file' } });
server.sendFileToClient('client-1', '/tmp/in.bin');
channel.sendStream(Readable.from([]), {});

// @ts-expect-error it can't be chosen afterwards
sending.streamId = 'other';
// @ts-expect-error the client's id comes first
server.sendFileToClient('/tmp/in.bin');
// @ts-expect-error bytes, not a text
client.sendFile('/tmp/in.bin', { chunkSize: '64k' });
// @ts-expect-error meta has names
client.sendFile('/tmp/in.bin', { meta: 'in.bin' });
// @ts-expect-error misspelt
client.sendFile('/tmp/in.bin', { onprogress: () => {} });

// Cancelling ------------------------------------------------------------------

const cancelled: boolean[] = [
  client.cancelOutgoingStream(id),
  client.cancelIncomingStream(id),
  channel.cancelOutgoingStream(id),
  channel.cancelIncomingStream(id),
  server.cancelIncomingStreamFromClient('client-1', id),
  server.cancelOutgoingStreamToClient('client-1', id),
  server.primaryChannel.cancelIncomingStream(id, { clientId: 'client-1' }),
];
same<typeof server.primaryChannel, IIpcPrimaryChannel>(true);

// @ts-expect-error whose stream?
server.cancelIncomingStreamFromClient(id);
// @ts-expect-error whose stream?
server.primaryChannel.cancelIncomingStream(id);

// Receiving -------------------------------------------------------------------

server.on('stream', async (info, readable) => {
  same<typeof info.streamId, string>(true);
  same<typeof info.meta, Record<string, any> | undefined>(true);
  same<typeof info.headers, IpcHeaders>(true);
  server.cancelIncomingStreamFromClient(info.clientId, info.streamId);
  readable.on('progress', (progress) => {
    same<typeof progress, IIpcStreamProgress>(true);
  });
  readable.once('end', () => {}).pipe(process.stdout);
  for await (const chunk of readable) console.log(chunk);
  if (info.meta?.type === 'file') console.log(info.meta.basename);
  await SmartIpc.pipeStreamToFile(readable, '/tmp/' + info.meta?.basename);
});
client.on('stream', (info: IIpcStreamInfo, readable: IIpcIncomingStream) => {
  // @ts-expect-error a client knows its own id at most
  const clientId: string = info.clientId;
  // @ts-expect-error there may be no meta
  console.log(info.meta.basename, clientId);
  // @ts-expect-error progress is told in bytes
  readable.on('progress', ({ percent }) => console.log(percent));
});

// Files -----------------------------------------------------------------------

const piping: Required<IPipeStreamToFileOptions> = {
  fsync: true,
  mode: 0o600,
  onProgress: ({ bytes, total }) => console.log(bytes, total),
};
same<ReturnType<typeof SmartIpc.pipeStreamToFile>, Promise<void>>(true);
SmartIpc.pipeStreamToFile(some<IIpcIncomingStream>(), '/tmp/out.bin');
SmartIpc.pipeStreamToFile(fs.createReadStream('in.bin'), '/tmp/out.bin', piping);

// @ts-expect-error where to?
SmartIpc.pipeStreamToFile(some<IIpcIncomingStream>());
// @ts-expect-error not a boolean
SmartIpc.pipeStreamToFile(some<IIpcIncomingStream>(), '/tmp/out.bin', { fsync: 'yes' });

export { cancelled, fromPromise, sent, sources };

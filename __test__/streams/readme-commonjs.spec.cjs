'use strict';

// The readme's examples of streams, by require().

const fs = require('fs');
const path = require('path');
const test = require('ava');
const { SmartIpc } = require('@push.rocks/smartipc');
const { closeAfter, failure, recorder, tempDir, tempSocket } = require('../support/helpers.cjs');

async function archive(t, options) {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'archive', socketPath, ...options }));
  const client = closeAfter(t, SmartIpc.createClient({ id: 'archive', socketPath }));
  await server.start();
  await client.connect();
  const dir = tempDir(t);
  const file = path.join(dir, 'letters.txt');
  fs.writeFileSync(file, 'Dear Ada,\n'.repeat(30000));
  return { dir, file, server, client };
}

const same = (t, one, other) => t.true(fs.readFileSync(one).equals(fs.readFileSync(other)));

test('client to server', async (t) => {
  const { dir, file, server, client } = await archive(t);
  const kept = path.join(dir, 'kept.txt');
  server.on('stream', async (info, readable) => {
    t.like(info, { meta: { type: 'file', basename: 'letters.txt' }, clientId: client.getClientId() });
    await SmartIpc.pipeStreamToFile(readable, kept);
  });

  await client.sendStream(fs.createReadStream(file), { meta: { type: 'file', basename: 'letters.txt' }, chunkSize: 64 * 1024 });

  same(t, kept, file);
});

test('server to client', async (t) => {
  const { dir, file, server, client } = await archive(t);
  const kept = path.join(dir, 'kept.txt');
  client.on('stream', async (info, readable) => {
    t.deepEqual(info.meta, { type: 'file', basename: 'letters.txt' });
    await SmartIpc.pipeStreamToFile(readable, kept);
  });

  await server.sendStreamToClient(client.getClientId(), fs.createReadStream(file), {
    meta: { type: 'file', basename: 'letters.txt' },
  });

  same(t, kept, file);
});

test('files, both directions', async (t) => {
  const { dir, file, server, client } = await archive(t);
  fs.mkdirSync(path.join(dir, 'up'));
  fs.mkdirSync(path.join(dir, 'down'));
  server.on('stream', async (info, readable) => {
    await SmartIpc.pipeStreamToFile(readable, path.join(dir, 'up', info.meta?.basename));
  });
  client.on('stream', async (info, readable) => {
    await SmartIpc.pipeStreamToFile(readable, path.join(dir, 'down', info.meta?.basename));
  });

  await client.sendFile(file);
  await server.sendFileToClient(client.getClientId(), file);

  same(t, path.join(dir, 'up', 'letters.txt'), file);
  same(t, path.join(dir, 'down', 'letters.txt'), file);
});

test('limit and cancelling through primaryChannel', async (t) => {
  const { file, server, client } = await archive(t, { maxConcurrentStreams: 2 });
  const held = recorder();
  server.on('stream', (info, readable) => {
    if (info.meta?.shouldCancel) server.primaryChannel.cancelIncomingStream(info.streamId, { clientId: info.clientId });
    else held(readable);
  });

  const cancelled = await failure(() => client.sendStream(fs.createReadStream(file), { meta: { shouldCancel: true } }));
  const two = [client.sendFile(file), client.sendFile(file)];
  await held.until(2);
  const third = await failure(() => client.sendFile(file));
  for (const [readable] of held.calls) readable.resume();
  await Promise.all(two);

  t.is(cancelled.code, 'IPC_ERR_STREAM_CANCELLED');
  t.regex(third.message, /\b2\b/);
});

test('the calls that cancel by id', async (t) => {
  const { server, client } = await archive(t);
  const arrived = recorder();
  server.on('stream', arrived);
  client.on('stream', arrived);
  const clientId = client.getClientId();
  const sent = {
    a: client.sendStream(fs.createReadStream('/dev/zero'), { streamId: 'a' }),
    b: client.sendStream(fs.createReadStream('/dev/zero'), { streamId: 'b' }),
    c: server.sendStreamToClient(clientId, fs.createReadStream('/dev/zero'), { streamId: 'c' }),
    d: server.sendStreamToClient(clientId, fs.createReadStream('/dev/zero'), { streamId: 'd' }),
  };
  await arrived.until(4);

  client.cancelOutgoingStream('a');
  server.cancelIncomingStreamFromClient(clientId, 'b');
  server.cancelOutgoingStreamToClient(clientId, 'c');
  client.cancelIncomingStream('d');

  for (const promise of Object.values(sent)) t.is((await failure(() => promise)).code, 'IPC_ERR_STREAM_CANCELLED');
});

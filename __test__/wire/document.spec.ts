// docs/protocol.md, read by a program written from it.

import fs from 'fs';
import test from 'ava';
import { decodeBinary, encodeBinary } from '../support/binary-frames.mjs';
import { recorder } from '../support/helpers.cjs';
import { frame } from '../support/raw-peer.mjs';
import { wireServer } from '../support/wire.mjs';

const text = fs.readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

/** Heading and content of every fenced block of a language. */
function blocks(language: string) {
  const found: { title: string; content: string }[] = [];
  for (const section of text.split(/^#{1,6} /m)) {
    const title = section.slice(0, section.indexOf('\n'));
    for (const [, content] of section.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'))) found.push({ title, content });
  }
  return found;
}

const examples = blocks('hex').map(({ title, content }) => ({
  title,
  bytes: Buffer.from(content.replace(/#.*$/gm, '').replace(/\s/g, ''), 'hex'),
}));
const binary = examples.filter(({ bytes }) => bytes[4] !== 0x7b && bytes[4] < 0x1a);

test('every example is one complete frame', (t) => {
  t.true(examples.length >= 25);
  for (const { title, bytes } of examples) t.is(bytes.readUInt32BE(), bytes.length - 4, title);
});

test('the binary examples read and write as the text says', (t) => {
  t.true(binary.length >= 23);
  for (const { title, bytes } of binary) {
    const decoded = decodeBinary(bytes.subarray(4));
    t.true(title.startsWith(decoded.kind), `${title}: ${decoded.kind}`);
    t.deepEqual(frame(encodeBinary(decoded)), bytes, title);
  }
});

test('the comments beside the bytes are right', (t) => {
  const example = (kind: string) => decodeBinary(binary.find(({ title }) => title.startsWith(`${kind} `))!.bytes.subarray(4));
  t.deepEqual(example('MESSAGE'), { kind: 'MESSAGE', type: 'job.done', body: { payload: { id: 7 }, headers: undefined } });
  t.deepEqual(example('REQUEST'), { kind: 'REQUEST', id: 300, timeout: 5000, type: 'add', body: { payload: [1, 2], headers: undefined } });
  t.deepEqual(example('FAILED'), { kind: 'FAILED', id: 300, message: 'no', name: 'RangeError', code: 'E_NO' });
  t.deepEqual(example('CREDIT'), { kind: 'CREDIT', messages: 1280, bytes: 8450000 });
  t.deepEqual(example('GOAWAY'), { kind: 'GOAWAY', reason: 19, message: 'bye' });
  const meta = { payload: { size: 1000 }, headers: undefined };
  t.deepEqual(example('STREAM_OPEN'), { kind: 'STREAM_OPEN', id: 300, name: 'upload-7', body: meta });
  t.deepEqual(example('STREAM_DATA'), { kind: 'STREAM_DATA', id: 300, data: Buffer.from([0, 255, 10]) });
  t.deepEqual(example('STREAM_ERROR'), { kind: 'STREAM_ERROR', id: 300, message: 'disk failed', name: 'Error', code: 'EIO' });
  t.deepEqual(example('STREAM_CANCEL'), { kind: 'STREAM_CANCEL', id: 300, message: 'full', name: 'Error', code: '' });
  t.deepEqual(example('STREAM_CREDIT'), { kind: 'STREAM_CREDIT', id: 300, bytes: 1310720 });
  t.deepEqual(example('STREAM_DONE'), { kind: 'STREAM_DONE', id: 300 });
});

test('the JSON examples are envelopes', (t) => {
  const envelopes = blocks('json');
  t.true(envelopes.length >= 27);
  for (const { title, content } of envelopes) {
    const { id, type, timestamp } = JSON.parse(content);
    t.deepEqual([typeof id, typeof type, typeof timestamp], ['string', 'string', 'number'], title);
  }
  const [first] = examples;
  t.is(first.bytes.subarray(4).toString(), envelopes.find(({ title }) => title === first.title)!.content.trim());
});

test('the server takes the examples of a client', async (t) => {
  const wire = await wireServer(t, { server: { authToken: 's3cret' }, witness: { authToken: 's3cret' } });
  const bodies = blocks('json').map(({ content }) => content.trim());
  const send = (type: string) => peer.send(bodies.find((body) => JSON.parse(body).type === type)!);
  const peer = await wire.raw();
  await send('__register__');
  const { payload } = await peer.expectFrame(({ type }) => type === '__register___response');
  t.is(payload.clientId, 'py-1');

  // The registration has subscribed to user.* already.
  await send('__publish__');
  const topic = await peer.expectFrame(({ type }) => type === 'topic:user.login');
  t.is(topic.payload, 'ada');
  t.is(topic.headers.publisherId, 'py-1');
  await send('__subscribe__');
  t.truthy(await peer.expectFrame(({ correlationId }) => correlationId === '8'));
  await send('__unsubscribe__');
  t.truthy(await peer.expectFrame(({ correlationId }) => correlationId === '9'));
  await send('__heartbeat__');
  t.truthy(await peer.expectFrame(({ type, correlationId }) => type === '__heartbeat_response__' && correlationId === '1'));
  await send('__cancel__');
  wire.server.onMessage('add', ([a, b]: number[]) => a + b);
  await send('add');
  const answer = await peer.expectFrame(({ correlationId }) => correlationId === '7');
  t.is(answer.type, 'add_response');
  t.is(answer.payload, 3);
  // The stream of the examples: three bytes.
  const streamed = recorder();
  wire.server.on('stream', async (info: any, readable: any) => {
    const pieces = [];
    for await (const piece of readable) pieces.push(piece);
    streamed(info, Buffer.concat(pieces));
  });
  for (const type of ['init', 'chunk', 'end']) await send(`__stream_${type}__`);
  t.deepEqual((await peer.expectFrame(({ type }) => type === '__stream_done__')).payload, { streamId: '1' });
  const meta = { type: 'file', basename: 'a.bin', size: 3 };
  const info = { streamId: 'upload-7', meta, headers: { trace: 't-1' }, clientId: 'py-1' };
  t.deepEqual(await streamed.until(1), [[info, Buffer.from([0, 255, 10])]]);
  const left = wire.leaving('py-1');
  await send('__goaway__');
  await left;
  await peer.closed();
  await wire.unharmed();
});

// docs/protocol.md, read by a program written from it.

import fs from 'fs';
import test from 'ava';
import { decodeBinary, encodeBinary } from '../support/binary-frames.mjs';
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
const binary = examples.filter(({ bytes }) => bytes[4] !== 0x7b && bytes[4] < 0x18);

test('every example is one complete frame', (t) => {
  t.true(examples.length >= 17);
  for (const { title, bytes } of examples) t.is(bytes.readUInt32BE(), bytes.length - 4, title);
});

test('the binary examples read and write as the text says', (t) => {
  t.true(binary.length >= 15);
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
});

test('the JSON examples are envelopes', (t) => {
  const envelopes = blocks('json');
  t.true(envelopes.length >= 19);
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
  const left = wire.leaving('py-1');
  await send('__goaway__');
  await left;
  await peer.closed();
  await wire.unharmed();
});

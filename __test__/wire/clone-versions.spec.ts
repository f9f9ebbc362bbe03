import test from 'ava';
import v8 from 'v8';
import { ofType } from '../support/raw-peer.mjs';
import { wireServer } from '../support/wire.mjs';

const OURS = v8.serialize(0)[1];
const PROTOCOL = { version: 1, maxMessageSize: 8388608, windowMessages: 1024, windowBytes: 8388608 };
const NO_CLONES = { 'nothing': undefined, 'none': 0, 'an older V8': OURS - 1, "Bun's engine": 65536 + 14, "a later one of Bun's": 65536 + OURS };
const CLONES = { 'this V8': OURS, 'a later V8': OURS + 1 };

async function noteTo(t: any, cloneVersion: number | undefined) {
  const wire = await wireServer(t, { server: { serialization: 'advanced' } });
  const peer = await wire.client({ protocol: { ...PROTOCOL, cloneVersion } });
  await wire.server.sendToClient('raw', 'note', { date: new Date(0) });
  return peer.expectFrame(ofType('note'));
}

for (const [reader, version] of Object.entries(NO_CLONES)) {
  test(`a peer that reads clones of ${reader} gets JSON`, async (t) => {
    const { payload, headers } = await noteTo(t, version);
    t.is(headers?.encoding, undefined);
    t.deepEqual(payload, { date: '1970-01-01T00:00:00.000Z' });
  });
}

for (const [reader, version] of Object.entries(CLONES)) {
  test(`a peer that reads clones of ${reader} gets one`, async (t) => {
    const { payload, headers } = await noteTo(t, version);
    t.is(headers?.encoding, 'structured-clone');
    t.deepEqual(v8.deserialize(Buffer.from(payload, 'base64')), { date: new Date(0) });
  });
}

// The longest message that passes, and what happens to one byte more.

import { closedWith, heavyCaseTest } from '../support/conformance.mjs';
import { failure } from '../support/helpers.cjs';
import { prefix } from '../support/raw-peer.mjs';
import { subject, WAYS } from '../support/subject.mjs';
import { LARGEST } from '../support/talker.mjs';
import { wireServer } from '../support/wire.mjs';

/** Bytes of a frame's body that are not those of its text. */
function overhead(one: any) {
  return one.talker.bytes({ kind: 'MESSAGE', type: 'note', body: { payload: '' } }).length - 4;
}

for (const way of WAYS) {
  heavyCaseTest('F2', 'a body of maxMessageSize is taken; the prefix of one byte more is enough to refuse', async (t) => {
    const one = await subject(t, way);
    const payload = 'x'.repeat(LARGEST - overhead(one));
    await one.talker.say({ kind: 'MESSAGE', type: 'note', body: { payload } });
    t.is((await one.notes.until(1))[0][0].length, payload.length);

    const received = one.metrics.bytesReceived;
    const left = one.left(1000);
    // Not one byte of the body is ever sent.
    await one.talker.write(prefix(LARGEST + 1));
    t.is(await left, 'message_too_large');
    t.is(one.metrics.bytesReceived, received + 4);
    await one.talker.closed();
    closedWith(t, 'message_too_large');
    await one.unharmed();
  }, way);

  heavyCaseTest('F16', 'a message of maxMessageSize leaves; one byte more rejects, and the next one works', async (t) => {
    const one = await subject(t, way);
    const sized = async (length: number) => {
      await one.send('note', 'x'.repeat(length));
      return one.talker.expect('MESSAGE', () => true);
    };
    if (way.profile === 'binary') await one.talker.say({ kind: 'CREDIT', messages: 1024, bytes: 4 * LARGEST });
    const before = one.metrics.bytesSent;
    await sized(1000);
    // Four bytes of its prefix aside, what a message costs beyond its text.
    const cost = one.metrics.bytesSent - before - 4 - 1000;
    t.is((await sized(LARGEST - cost)).body.payload.length, LARGEST - cost);

    for (const call of [() => sized(LARGEST - cost + 1), () => one.request('note', 'x'.repeat(LARGEST))]) {
      const error = await failure(call);
      t.is(error.code, 'IPC_ERR_MESSAGE_TOO_LARGE');
      t.is(error.origin, 'local');
      t.regex(error.message, /^Message size \d+ exceeds maximum 8388608$/);
    }
    t.is((await sized(3)).body.payload, 'xxx');
    await one.works();
    t.deepEqual(one.talker.frames, [], 'nothing of what was refused has left');
  }, way);
}

for (const way of WAYS.filter(({ profile }) => profile === 'json')) {
  heavyCaseTest('F17', 'a peer that takes less than we send closes, and what waited rejects', async (t) => {
    const one = await subject(t, way);
    const pending = failure(() => one.request('note', 'x'.repeat(2 * 1024 * 1024)));
    await one.talker.expect('REQUEST');
    const begun = Date.now();
    await one.talker.say({ kind: 'GOAWAY', reason: 8, message: 'I take 1 MiB' });
    one.talker.halfClose();
    const error = await pending;
    t.true(Date.now() - begun < 1000);
    t.is(error.code, 'IPC_ERR_CONNECTION_LOST');
    t.true(error.mayHaveRun);
    closedWith(t, 'message_too_large');
    await one.again();
    await one.unharmed();
  }, way);

  heavyCaseTest('F17', 'a peer that sends more than we take is closed', async (t) => {
    const one = await subject(t, way, { maxMessageSize: 1024 * 1024 });
    const left = one.left(1000);
    const pending = failure(() => one.request('unanswered', 1));
    await one.talker.expect('REQUEST');
    await one.talker.say({ kind: 'MESSAGE', type: 'note', body: { payload: 'x'.repeat(2 * 1024 * 1024) } });
    t.is(await left, 'message_too_large');
    t.true((await pending).mayHaveRun);
    t.deepEqual(one.notes.calls, []);
    closedWith(t, 'message_too_large');
    await one.unharmed();
  }, way);
}

heavyCaseTest('F17', 'two native peers agree on the smaller limit, and nothing is closed', async (t) => {
  const wire = await wireServer(t, { server: { maxMessageSize: 1024 * 1024 } });
  const client = await wire.native({ clientId: 'large', maxMessageSize: LARGEST });
  for (const call of [
    () => client.request('echo', 'x'.repeat(2 * 1024 * 1024)),
    () => wire.server.sendToClient('large', 'note', 'x'.repeat(2 * 1024 * 1024)),
  ]) {
    const error = await failure(call);
    t.is(error.code, 'IPC_ERR_MESSAGE_TOO_LARGE');
    t.regex(error.message, /exceeds maximum 1048576$/);
  }
  t.is(await client.request('echo', 'short'), 'short');
  await wire.unharmed();
}, { role: 'both', profile: 'binary' });

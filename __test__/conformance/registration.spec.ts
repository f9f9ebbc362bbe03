// Who comes in, under which name, and what happens to those who don't.

import { caseTest, closedWith } from '../support/conformance.mjs';
import { failure, recorder } from '../support/helpers.cjs';
import { subject } from '../support/subject.mjs';
import { BINARY, spoken, Talker } from '../support/talker.mjs';
import { wireServer } from '../support/wire.mjs';

const premature: [string, object][] = [
  ['a message', { kind: 'MESSAGE', type: 'note', body: { payload: 1 } }],
  ['a request', { kind: 'REQUEST', id: 1, type: 'echo', body: {} }],
  ['a topic message', { kind: 'TOPIC', topic: 'a', publisher: '', body: {} }],
  ['a ping', { kind: 'PING', id: 1 }],
  ['an answer', { kind: 'RESPONSE', id: 1, body: {} }],
  ['a subscription', { kind: 'SUBSCRIBE', id: 1, topic: '**' }],
];

for (const profile of ['json', 'binary'] as const) {
  for (const [what, fields] of premature) {
    caseTest('P1', `${what} before our client is let in`, async (t) => {
      const one: any = await subject(t, { role: 'client', profile });
      await one.endpoint.disconnect();
      const refused = failure(() => one.endpoint.connect());
      const talker = await one.accept();
      await talker.write(spoken(profile, fields as any));
      t.regex((await refused).message, /^Failed to register: /);
      await talker.closed();
      t.deepEqual(one.notes.calls, []);
      closedWith(t, 'not_registered');
      await one.unharmed();
    }, { role: 'client', profile });

    caseTest('P1', `${what} in place of a registration`, async (t) => {
      const wire = await wireServer(t);
      const published = recorder();
      await wire.witness.subscribe('**', published);
      const peer = await wire.raw();
      await peer.write(spoken(profile, fields as any));
      const { bytesReceived } = await peer.closed();
      t.is(bytesReceived, 0);
      await wire.untilCloses('not_registered');
      t.deepEqual(wire.calls.calls, []);
      closedWith(t, 'not_registered');
      await wire.unharmed();
      t.deepEqual(published.calls, []);
    }, { role: 'server', profile });
  }

  caseTest('P3', 'registering twice is refused and the first stays valid', async (t) => {
    const one: any = await subject(t, { role: 'server', profile });
    for (const clientId of ['raw', 'somebody-else', 'witness']) {
      const { success, reason } = await one.talker.register({ clientId });
      t.false(success, clientId);
      t.is(reason, 'refused', clientId);
    }
    await one.works();
    t.deepEqual([...one.endpoint.getClientIds()].sort(), ['raw', 'witness']);
    await one.unharmed();
  }, { role: 'server', profile });

  caseTest('P3', 'a second answer to our registration is a protocol error', async (t) => {
    const one = await subject(t, { role: 'client', profile });
    const left = one.left();
    await one.talker.send({ type: '__register___response', payload: { success: true, clientId: 'other' } });
    t.is(await left, 'protocol_error');
    t.is(one.endpoint.getClientId(), 'subject');
    closedWith(t, 'protocol_error');
    await one.unharmed();
  }, { role: 'client', profile });

  caseTest('P4', 'a name that is in use is refused while its owner answers, and nothing reaches the newcomer', async (t) => {
    const one: any = await subject(t, { role: 'server', profile });
    const impostor = await Talker.connect(one.wire.address, { profile });
    t.teardown(() => impostor.destroy());
    const answer = impostor.register({ clientId: 'raw' });
    if (profile === 'binary') await one.talker.say({ kind: 'CREDIT', messages: 5000, bytes: 1e7 });
    const sent = Array.from({ length: 1000 }, (_, index) => one.send('for-raw', index));
    const { success, reason } = await answer;
    t.false(success);
    t.is(reason, 'duplicate_client_id');
    await impostor.closed();
    await Promise.all(sent);
    await one.send('for-raw', 'last');

    const got: unknown[] = [];
    do got.push((await one.talker.expect('MESSAGE')).body.payload);
    while (got[got.length - 1] !== 'last');
    t.is(got.length, 1001);
    t.deepEqual(impostor.frames, []);
    closedWith(t, 'duplicate_client_id');
    await one.works();
    await one.unharmed();
  }, { role: 'server', profile });
}

const shapes = [5, 'text', null, [], { clientId: 5 }, { clientId: {} }, { topics: 'a' }, { topics: [5] }, { token: 5 }, { probe: 'yes' }, { protocol: 5 }, { protocol: { version: 1 } }];
for (const payload of shapes) {
  caseTest('P5', `a registration with ${JSON.stringify(payload)} gets no answer`, async (t) => {
    const wire = await wireServer(t);
    const peer = await wire.raw();
    await peer.send({ type: '__register__', id: '1', payload });
    const { bytesReceived } = await peer.closed();
    t.is(bytesReceived, 0);
    await wire.untilCloses('bad_envelope');
    closedWith(t, 'bad_envelope');
    await wire.unharmed();
  }, { role: 'server', profile: 'json' });
}

const refused: [string, string][] = [
  ['empty', ''],
  ['of 257 bytes', 'x'.repeat(257)],
  ['of 257 bytes in 129 characters', `${'ü'.repeat(128)}x`],
  ['of 1 MiB', 'x'.repeat(1024 * 1024)],
];
for (const [what, clientId] of refused) {
  caseTest('P5', `a name that is ${what} is refused`, async (t) => {
    const wire = await wireServer(t);
    for (const protocol of [undefined, BINARY]) {
      const peer = await wire.raw();
      const { success, reason, error } = await peer.register({ clientId, protocol });
      t.false(success);
      t.is(reason, 'refused');
      t.true(error.length < 500, 'the name is not echoed');
      await peer.closed();
    }
    await wire.untilCloses('refused', 2);
    t.deepEqual(wire.server.getClientIds(), ['witness']);
    closedWith(t, 'refused');
    await wire.unharmed();
  }, { role: 'server' });
}

// Control frames written by hand, subscriptions without end, patterns without mercy.

import { caseTest, closedWith, heavyCaseTest } from '../support/conformance.mjs';
import { failure, recorder } from '../support/helpers.cjs';
import { subject, WAYS } from '../support/subject.mjs';
import { Talker } from '../support/talker.mjs';
import { wireServer } from '../support/wire.mjs';

const harmless: [string, object][] = [
  ['a pong nobody asked for', { kind: 'PONG', id: 77 }],
  ['a cancellation of nothing', { kind: 'CANCEL', id: 4000000001 }],
  ['credit', { kind: 'CREDIT', messages: 1, bytes: 1 }],
  ['all credit there is', { kind: 'CREDIT', messages: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER }],
  ['a message without a handler', { kind: 'MESSAGE', type: 'nobody-listens', body: { payload: 1 } }],
  ['a message named like a member of Object', { kind: 'MESSAGE', type: 'constructor', body: { payload: 1 } }],
  ['a message named __proto__', { kind: 'MESSAGE', type: '__proto__', body: { payload: 1 } }],
  ['a message named like an event', { kind: 'MESSAGE', type: 'error', body: { payload: { message: 'boom' } } }],
  ['a message named like a control type', { kind: 'MESSAGE', type: '__from_the_future__', body: { payload: 1 } }],
];
const harmlessToServers: typeof harmless = [
  ['an unsubscription of nothing', { kind: 'UNSUBSCRIBE', id: 0, topic: 'nothing' }],
  ['a publication to a wildcard', { kind: 'PUBLISH', topic: '**', body: { payload: 'wild' } }],
  ['a publication nobody wants', { kind: 'PUBLISH', topic: 'nothing', body: {} }],
];
const forTheOther = {
  server: [{ kind: 'TOPIC', topic: 'news', publisher: 'witness', body: { payload: 1 } }],
  client: [
    { kind: 'SUBSCRIBE', id: 1, topic: 'news' },
    { kind: 'UNSUBSCRIBE', id: 1, topic: 'news' },
    { kind: 'PUBLISH', topic: 'news', body: { payload: 1 } },
  ],
};

for (const way of WAYS) {
  for (const [what, fields] of way.role === 'server' ? [...harmless, ...harmlessToServers] : harmless) {
    if (way.profile === 'json' && (fields as any).kind === 'CREDIT') continue;
    caseTest('P10', `${what} changes nothing`, async (t) => {
      const one: any = await subject(t, way);
      const seen = recorder();
      if (way.role === 'server') await one.wire.witness.subscribe('**', seen);
      await one.talker.say(fields as any);
      await one.talker.beat();
      await one.works();
      t.deepEqual(one.talker.frames, []);
      t.deepEqual(one.notes.calls, []);
      t.deepEqual(one.errors.calls, []);
      await one.unharmed();
      t.deepEqual(seen.calls.filter(([payload]) => payload !== undefined), []);
    }, way);
  }

  for (const fields of forTheOther[way.role]) {
    caseTest('P10', `${fields.kind}, which only the other role may send, closes`, async (t) => {
      const one: any = await subject(t, way);
      const seen = recorder();
      if (way.role === 'server') await one.wire.witness.subscribe('**', seen);
      const left = one.left();
      await one.talker.say(fields as any);
      t.is(await left, 'protocol_error');
      closedWith(t, 'protocol_error');
      await one.unharmed();
      t.deepEqual(seen.calls, []);
    }, way);
  }
}

for (const profile of ['json', 'binary'] as const) {
  const way = { role: 'server', profile } as const;

  caseTest('P10', 'a publisher is who it registered as, whatever it writes', async (t) => {
    const one: any = await subject(t, way);
    const seen = recorder();
    await one.wire.witness.subscribe('claims', (payload: unknown, { publisherId }: any) => void seen(payload, publisherId));
    await one.talker.say({ kind: 'PUBLISH', topic: 'claims', body: { payload: 1, headers: { publisherId: 'witness', clientId: 'witness' } } });
    t.deepEqual(await seen.until(1), [[1, 'raw']]);
    await one.unharmed();
  }, way);

  heavyCaseTest('P11', '100,000 subscriptions of one peer: 1,024 hold, the others are refused', async (t) => {
    const one: any = await subject(t, way);
    const BATCH = 10000;
    let refused = 0;
    for (let from = 0; from < 100000; from += BATCH) {
      const asked = Array.from({ length: BATCH }, (_, index) => ({ kind: 'SUBSCRIBE', id: 1 + from + index, topic: `t.${from + index}` }));
      await one.talker.sayAll(asked);
      await one.talker.beat();
      const failed = one.talker.frames.filter(({ kind }: any) => kind === 'FAILED');
      t.true(failed.every(({ code }: any) => code === 'IPC_ERR_TOO_MANY_SUBSCRIPTIONS'));
      refused += failed.length;
      const held = one.talker.frames.filter(({ kind }: any) => kind === 'RESPONSE').length;
      t.is(held, from === 0 ? 1024 : 0);
      one.talker.frames.length = 0;
    }
    t.is(refused, 100000 - 1024);

    await one.endpoint.publish('t.1023', 'held');
    await one.endpoint.publish('t.1024', 'refused');
    await one.endpoint.publish('t.0', 'held');
    await one.works();
    t.deepEqual(one.talker.frames.map(({ kind, topic }: any) => [kind, topic]), [['TOPIC', 't.1023'], ['TOPIC', 't.0']]);
    await one.talker.say({ kind: 'UNSUBSCRIBE', id: 1, topic: 't.0' });
    await one.talker.say({ kind: 'SUBSCRIBE', id: 2, topic: 'room.again' });
    t.is((await one.talker.expect('RESPONSE', ({ id }: any) => id === 2)).kind, 'RESPONSE');
    await one.unharmed();
  }, way);

  caseTest('P12', 'patterns: * is a segment, ** any number, everything else is itself', async (t) => {
    const one: any = await subject(t, way);
    const evil = '*a'.repeat(128);
    const matching: Record<string, string[]> = {
      'user.*': ['user.login', 'user.[', 'user.(+$'],
      '*': ['[', '(', 'aaaa', 'a'.repeat(256), '*a', 'us*r'],
      'a.*.c': ['a.b.c', 'a..c'],
      'a.**.c': ['a.b.c', 'a..c', 'a.b.b.c', 'a.c'],
      '[': ['['],
      '(.*)+$': ['(.*)+$'],
      'us*r': ['us*r'],
      [evil]: [],
    };
    const topics = [...new Set(Object.values(matching).flat()), 'user', 'user.login.failed', 'b.b.c', '(', 'a.b'];
    for (const [pattern, expected] of Object.entries(matching)) {
      const talker = await Talker.connect(one.wire.address, { profile });
      t.teardown(() => talker.destroy());
      await talker.register({ clientId: `pattern ${pattern.slice(0, 100)}` });
      await talker.say({ kind: 'SUBSCRIBE', id: 1, topic: pattern });
      await talker.expect('RESPONSE', ({ id }: any) => id === 1);
      for (const topic of topics) await one.endpoint.publish(topic, 1);
      await talker.beat();
      const got = new Set(talker.frames.filter(({ kind }: any) => kind === 'TOPIC').map(({ topic }: any) => topic));
      const segment = (topic: string) => !topic.includes('.');
      const wanted = pattern === '*' ? topics.filter(segment) : topics.filter((topic) => expected.includes(topic));
      t.deepEqual([...got].sort(), [...new Set(wanted)].sort(), pattern);
    }
    await one.unharmed();
  }, way);

  caseTest('P13', 'subscribing and unsubscribing twice, or from nothing, is once', async (t) => {
    const one: any = await subject(t, way);
    const told = async (kind: string, id: number, topic: string) => {
      await one.talker.say({ kind, id, topic });
      await one.talker.expect('RESPONSE', (it: any) => it.id === id);
    };
    await told('UNSUBSCRIBE', 1, 'unknown');
    for (const id of [2, 3]) await told('SUBSCRIBE', id, 'news.today');
    await told('SUBSCRIBE', 4, 'news.*');
    await one.endpoint.publish('news.today', 'once');
    await one.works();
    t.deepEqual(one.talker.frames.map(({ body }: any) => body.payload), ['once']);
    one.talker.frames.length = 0;

    for (const id of [5, 6]) await told('UNSUBSCRIBE', id, 'news.today');
    await one.endpoint.publish('news.today', 'by the pattern');
    await told('UNSUBSCRIBE', 7, 'news.*');
    await one.endpoint.publish('news.today', 'to nobody');
    await one.works();
    t.deepEqual(one.talker.frames.map(({ body }: any) => body.payload), ['by the pattern']);
    await one.unharmed();
  }, way);

  caseTest('P14', 'a publisher gets its own message if it subscribes to it, and nobody is told when nobody does', async (t) => {
    const one: any = await subject(t, way);
    await one.talker.say({ kind: 'PUBLISH', topic: 'void', body: { payload: 1 } });
    await one.talker.say({ kind: 'SUBSCRIBE', id: 1, topic: 'mine' });
    await one.talker.expect('RESPONSE');
    await one.talker.say({ kind: 'PUBLISH', topic: 'mine', body: { payload: 'own words' } });
    const topic = await one.talker.expect('TOPIC');
    t.deepEqual([topic.topic, topic.publisher, topic.body.payload], ['mine', 'raw', 'own words']);
    await one.works();
    t.deepEqual(one.talker.frames, []);
    await one.unharmed();
  }, way);
}

caseTest('P13, P14', 'the same between native peers', async (t) => {
  const wire = await wireServer(t);
  const client = await wire.native({ clientId: 'both' });
  const seen = recorder();
  await client.publish('void', 1);
  await wire.server.publish('void', 1);
  await client.unsubscribe('void');
  await client.unsubscribe('void', seen);
  await client.subscribe('news', seen);
  await client.subscribe('news', seen);
  await client.publish('news', 'once');
  await client.request('echo', 1);
  t.deepEqual(seen.calls.map(([payload]) => payload), ['once']);
  await client.unsubscribe('news', seen);
  await client.unsubscribe('news', seen);
  await client.publish('news', 'unheard');
  await client.request('echo', 1);
  t.is(seen.calls.length, 1);
  t.is((await failure(() => client.publish('news.*', 1))).code, 'IPC_ERR_INVALID_TOPIC');
  await wire.unharmed();
}, { role: 'both', profile: 'binary' });

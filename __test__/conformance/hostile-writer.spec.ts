// A writer that does anything at all: frames that are right, damaged or invented,
// in any pieces, and any way to go. Whatever it does, its connection ends with a
// reason that the protocol knows, or works on, and nobody else notices.

import fc from 'fast-check';
import { heavyCaseTest } from '../support/conformance.mjs';
import { HOSTILE, HOSTILE_BINARY } from '../support/hostile.mjs';
import { frame, prefix } from '../support/raw-peer.mjs';
import { subject, WAYS } from '../support/subject.mjs';
import { spoken } from '../support/talker.mjs';

const RUNS = 150;

const text = fc.string({ maxLength: 20 });
const id = fc.oneof(fc.nat(5), fc.nat(0xffffffff));
const body = fc.record({ payload: fc.jsonValue({ maxDepth: 2 }), headers: fc.option(fc.dictionary(text, fc.jsonValue({ maxDepth: 1 })), { nil: undefined }) });
const name = fc.oneof(fc.constantFrom('note', 'echo', 'a.b', '*', '**', '__proto__', '__register__', 'topic:x'), fc.string({ minLength: 1, maxLength: 20 }));

/** A frame that some peer might send at some time. */
const wellFormed = fc.oneof(
  fc.record({ kind: fc.constantFrom('MESSAGE', 'REQUEST'), id: id.map((it) => it || 1), type: name, body }),
  fc.record({ kind: fc.constantFrom('RESPONSE', 'CANCEL', 'PING', 'PONG'), id, body }),
  fc.record({ kind: fc.constant('FAILED'), id, message: text, name: text, code: text }),
  fc.record({ kind: fc.constantFrom('SUBSCRIBE', 'UNSUBSCRIBE', 'PUBLISH'), id, topic: name, body }),
  fc.record({ kind: fc.constant('TOPIC'), topic: name, publisher: text, body })
);

/** Bytes, given the profile. */
const utterance = fc.oneof(
  { weight: 6, arbitrary: wellFormed.map((fields) => (profile: 'json' | 'binary') => spoken(profile, fields)) },
  // One byte of it, or its end, is not what it was.
  {
    weight: 3,
    arbitrary: fc.tuple(wellFormed, fc.nat(), fc.nat(255)).map(([fields, at, value]) => (profile: 'json' | 'binary') => {
      const bytes = Buffer.from(spoken(profile, fields));
      bytes[4 + (at % (bytes.length - 4))] = value;
      return bytes;
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(...HOSTILE, ...HOSTILE_BINARY).map(([, , bytes]) => () => bytes) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => () => frame(Buffer.from(bytes))) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 2 }).map((json) => () => frame(json)) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(300), fc.uint8Array({ maxLength: 40 })).map(([length, bytes]) => () => Buffer.concat([prefix(length), Buffer.from(bytes)])) }
);

const REASONABLE = ['peer_closed', 'truncated_frame', 'reset', 'protocol_error', 'message_too_large', 'bad_json', 'bad_envelope', 'peer'];

for (const way of WAYS) {
  heavyCaseTest('F10, F11, F12', `${RUNS} connections of a writer that does anything`, async (t) => {
    const one = await subject(t, way);
    const seen: Record<string, number> = {};
    const property = fc.asyncProperty(
      fc.array(utterance, { minLength: 1, maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 8 }),
      fc.constantFrom('destroy', 'halfClose'),
      async (said, cuts, end) => {
        const left = one.left(5000);
        await one.talker.writeInPieces(Buffer.concat(said.map((make) => make(way.profile))), cuts);
        one.talker[end as 'destroy']();
        const reason = await left;
        seen[reason] = (seen[reason] || 0) + 1;
        await one.again();
        await one.works();
        return REASONABLE.includes(reason);
      }
    );
    await fc.assert(property, { numRuns: RUNS });
    t.log(JSON.stringify(seen));
    await one.unharmed();
  }, way);
}

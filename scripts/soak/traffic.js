'use strict';

// What a client does all the time, on several lanes: calls of every kind, drawn
// at random, one after the other on each lane, each answer compared.

const { Readable } = require('stream');
const { setTimeout: sleep } = require('timers/promises');

const { SmartIpc } = require('../..');

const LANES = 8;
const LARGE = 200_000;
const MIB = 1024 * 1024;

function nothing() {}

/** What a lane does, and how often among a hundred draws. */
const ACTIVITIES = {
  request: { share: 60, run: (work) => ask(work, 'echo') },
  later: { share: 10, run: (work) => ask(work, 'later') },
  publish: { share: 10, run: ({ account, endpoint, number }) => account.call('publish', endpoint.publish(`news.${number % 5}`, { number })) },
  note: { share: 8, run: ({ account, endpoint, number }) => account.call('note', endpoint.sendMessage('note', { number })) },
  subscribe: { share: 3, run: subscribe },
  expire: { share: 3, run: ({ account, endpoint }) => account.call('expire', endpoint.request('never', {}, { timeout: 1 + Math.random() * 50 })) },
  abort: { share: 3, run: abort },
  stream: { share: 2, run: stream },
  connect: { share: 1, run: visit },
};

/**
 * Keeps the lanes busy until `stopped()`.
 *
 * @param {{ account: any, endpoint: any, socketPath: string, only?: string, stopped: () => boolean }} work
 */
async function keepBusy(work) {
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    for (let number = 0; !work.stopped(); number++) {
      await draw(work.only).run({ ...work, lane, number });
      // A lane that is refused everything must leave the others their turn.
      if (Math.random() < 0.02) await sleep(Math.random() * 10);
    }
  });
  await Promise.all(lanes);
}

function draw(only) {
  if (only) return ACTIVITIES[only];
  let left = Math.random() * 100;
  for (const activity of Object.values(ACTIVITIES)) {
    left -= activity.share;
    if (left < 0) return activity;
  }
  return ACTIVITIES.request;
}

async function ask({ account, endpoint, lane, number }, type) {
  const size = Math.random() < 0.01 ? LARGE : Math.floor(Math.random() * 500);
  const payload = { lane, number, filling: 'x'.repeat(size) };
  const answer = await account.call(type, endpoint.request(type, payload, { timeout: 30_000 }));
  if (answer === undefined) return;
  if (answer.lane !== lane || answer.number !== number || answer.filling.length !== size) {
    account.say(`${type} ${lane}/${number} was answered with ${JSON.stringify(answer).slice(0, 200)}`);
  }
}

async function subscribe({ account, endpoint, lane }) {
  await account.call('subscribe', endpoint.subscribe(`own.${lane}`, nothing));
  await account.call('unsubscribe', endpoint.unsubscribe(`own.${lane}`));
}

async function abort({ account, endpoint }) {
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  await account.call('abort', endpoint.request('never', {}, { signal: controller.signal }));
}

/** The server checks the bytes, or gives the stream up somewhere. */
async function stream({ account, endpoint, lane, number }) {
  const length = Math.floor(Math.random() ** 3 * 2 * MIB);
  const seed = (lane * 31 + number) % 251;
  const sign = { at: Date.now() };
  const source = Readable.from(pieces(length, seed, sign), { objectMode: false });
  await account.call('stream', endpoint.sendStream(source, { meta: { length, seed } }), sign);
}

/** Each piece that is taken is a sign of life. */
function* pieces(length, seed, sign) {
  for (let at = 0; at < length; ) {
    sign.at = Date.now();
    const piece = Buffer.alloc(Math.min(length - at, 1 + Math.floor(Math.random() * 100_000)), seed);
    at += piece.length;
    yield piece;
  }
}

/** Reads what `stream` sends, or gives it up somewhere. */
async function takeStream(account, { meta: { length, seed } }, readable) {
  const stopAt = Math.random() < 0.2 ? Math.random() * length : Infinity;
  let at = 0;
  try {
    for await (const piece of readable) {
      at += piece.length;
      if (piece.some((byte) => byte !== seed)) account.say('a stream with other bytes');
      if (at > stopAt) return;
    }
  } catch (_) {
    // Its sender was killed, or gave it up.
    return;
  }
  if (at !== length) account.say(`a stream of ${length} bytes ended after ${at}`);
}

async function visit({ account, socketPath, number }) {
  const visitor = SmartIpc.createClient({ id: 'soak', socketPath, clientOnly: true });
  visitor.on('error', nothing);
  await account.call('visit', visitor.request('echo', { number }, { timeout: 30_000 }));
  await account.call('leave', visitor.disconnect());
}

module.exports = { ACTIVITIES, keepBusy, takeStream };

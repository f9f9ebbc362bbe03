// A peer whose handlers ask the other side back, so that each waits for the
// other: config { role: 'server' | 'client', socketPath, count, tell, size, depth }.
//
// Both sides begin when the other has said so, and report when every call of
// theirs has been answered rightly.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const { role, socketPath, count, tell: tellCount, size, depth } = config;
const isServer = role === 'server';
const endpoint = isServer
  ? SmartIpc.createServer({ id: 'mirror', socketPath })
  : SmartIpc.createClient({ id: 'mirror', socketPath, clientId: 'other' });
const ask = (type, payload) =>
  isServer ? endpoint.requestClient('other', type, payload) : endpoint.request(type, payload);
const tell = (type, payload) =>
  isServer ? endpoint.sendToClient('other', type, payload) : endpoint.sendMessage(type, payload);
const filling = 'x'.repeat(size);
let running = 0;
let most = 0;
let told = 0;

async function answer({ nonce, depth }) {
  if (depth === 0) return { nonce, path: role };
  const { nonce: same, path } = await ask('nested', { nonce, depth: depth - 1, filling });
  return { nonce: same, path: `${role}-${path}` };
}

endpoint.onMessage('nested', async (payload) => {
  most = Math.max(most, ++running);
  try {
    return await answer(payload);
  } finally {
    running--;
  }
});

// The same from a handler that nobody waits for.
endpoint.onMessage('told', async (payload) => {
  await answer(payload);
  if (++told === tellCount) report('told', { told });
});

const otherOf = { server: 'client', client: 'server' };

/** Who has to answer, outermost first. */
function expectedPath() {
  let side = role;
  const sides = [];
  for (let left = depth; left >= 0; left--) sides.push((side = otherOf[side]));
  return sides.join('-');
}

async function begin() {
  const expected = expectedPath();
  const started = Date.now();
  let wrong = 0;
  let queued = 0;
  const calls = Array.from({ length: count }, async (_, index) => {
    const nonce = `${role}-${index}`;
    if (index < tellCount) tell('told', { nonce, depth: 1, filling });
    const asked = ask('nested', { nonce, depth, filling });
    queued = Math.max(queued, endpoint.getStats().metrics.queuedBytes);
    const got = await asked;
    if (got.nonce !== nonce || got.path !== expected) wrong++;
  });
  const results = await Promise.allSettled(calls);
  const failed = results.filter(({ status }) => status === 'rejected');
  report('settled', {
    answered: results.length - failed.length,
    wrong,
    failures: failed.slice(0, 3).map(({ reason }) => `${reason.code}: ${reason.message}`),
    most,
    queued,
    millis: Date.now() - started,
  });
}

endpoint.onMessage('begin', () => {
  setImmediate(begin);
});
if (isServer) {
  await endpoint.start();
  report('ready');
} else {
  await endpoint.connect();
  await endpoint.sendMessage('begin', {});
  begin();
}

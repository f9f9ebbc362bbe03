// Asks many times, so many at once, and checks each answer; tells the memory of
// both sides at a fifth and at the end: config { socketPath, count, atOnce }.
// Needs --expose-gc.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';
import measure from './measure.cjs';

const { socketPath, count, atOnce } = config;
const client = SmartIpc.createClient({ id: 'steady', socketPath });
await client.connect();
let asked = 0;
let wrong = 0;

async function askUntil(end) {
  while (asked < end) {
    const number = asked++;
    const nonce = `${number}/${Math.random()}`;
    const answer = await client.request('double', { nonce, number });
    if (answer.nonce !== nonce || answer.double !== 2 * number) wrong++;
  }
}

async function phase(name, end) {
  const begun = process.hrtime.bigint();
  await Promise.all(Array.from({ length: atOnce }, () => askUntil(end)));
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  const { requestsPending, queuedBytes } = client.getStats().metrics;
  const [own, servers] = [await measure.residentAfterGc(), await client.request('memory')];
  report(name, { asked, wrong, own, servers, requestsPending, queuedBytes, seconds });
}

await phase('warm', Math.floor(count / 5));
await phase('finished', count);
client.sendMessage('quit');
await client.disconnect();

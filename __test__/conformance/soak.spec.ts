// Slices of the soak test: `npm run test:soak` runs it for as long as it should.
import { spawn } from 'child_process';
import path from 'path';
import { fileURLToPath } from 'url';
import test from 'ava';
import { memoryLimit } from '../support/cgroup.cjs';
import { notRun } from '../support/conformance.mjs';
import { rounds } from '../support/children/measure.cjs';

const SECONDS = rounds('SOAK_SECONDS', 12);
const LOOP_SECONDS = rounds('LOOP_SECONDS', 3);
const script = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../scripts/soak/index.js');

async function soak(t: any, seconds: number, ...args: string[]) {
  t.timeout(180_000 + seconds * 2000);
  const child = spawn(process.execPath, [script, '--minutes', String(seconds / 60), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  t.is(code, 0, said);
  t.regex(said, /^passed$/m);
  t.log(said.split('\n').filter((line) => / calls, | kills |MiB in use/.test(line)).join('\n'));
}

const limited = memoryLimit(300) !== undefined;

test.serial('K1: mixed traffic, kills, halts, slow clients, threads that end', (t) => soak(t, SECONDS, '--memory', '0'));

test.serial('K2: the same inside 256 MiB', async (t) => {
  if (!limited) return notRun(t, 'no control group can be made');
  await soak(t, SECONDS, '--memory', '256');
});

for (const activity of ['request', 'publish', 'stream', 'connect']) {
  test.serial(`K3: nothing but ${activity}, inside 128 MiB`, async (t) => {
    if (!limited) return notRun(t, 'no control group can be made');
    await soak(t, LOOP_SECONDS, '--memory', '128', '--only', activity);
  });
}

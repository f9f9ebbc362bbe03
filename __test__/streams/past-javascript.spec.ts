// The bytes of files pass by JavaScript: with the tokio driver, which needs none, a
// process sends and saves them while its JavaScript stands still.
import fs from 'fs';
import path from 'path';
import test from 'ava';
import * as smartipc from '@push.rocks/smartipc';
import { startChild, tempDir, within } from '../support/helpers.cjs';
import { KIB, MIB, arrival, hash, noise, pair } from '../support/streams.mjs';

const { SmartIpc } = smartipc as any;
/** More than windows, pipes and sockets hold. */
const SIZE = 24 * MIB + 321;
const onUnix = process.platform === 'win32' ? test.skip : test;

/** A place, a server, and a client in a process that stands still when told to. */
async function scene(t: any, config: (dir: string) => object) {
  const dir = tempDir(t);
  const { server, socketPath } = (await pair(t, { connect: false })) as any;
  const until = path.join(dir, 'go on');
  const child: any = startChild(t, 'busy', { socketPath, until, ...config(dir) }, { env: { SMARTIPC_DRIVER: 'tokio' }, channel: true });
  const standStill = async () => {
    child.process.send('stand still');
    await child.report('standing still');
  };
  const goOn = () => {
    t.deepEqual(child.reports, [], 'it stood still');
    fs.writeFileSync(until, '');
  };
  return { dir, server, child, standStill, goOn };
}

async function grownTo(size: number, file: () => string | undefined) {
  for (;;) {
    const found = file();
    if (found !== undefined && fs.statSync(found).size >= size) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

onUnix('a file is sent while the JavaScript of its sender stands still', async (t) => {
  const bytes = noise(SIZE);
  const { dir, server, child, standStill, goOn } = await scene(t, (dir) => {
    fs.writeFileSync(path.join(dir, 'source'), bytes);
    return { file: path.join(dir, 'source') };
  });
  const arrived = arrival(server);
  t.is((await child.report('ready')).driver, 'tokio');
  const [, readable] = await arrived;
  await standStill();
  const target = path.join(dir, 'saved');
  await within(SmartIpc.pipeStreamToFile(readable, target), 'the file');
  t.is(hash(fs.readFileSync(target)), hash(bytes));
  goOn();
  await child.report('sent');
});

onUnix('a file is saved while the JavaScript of its receiver stands still', async (t) => {
  const { dir, server, child, standStill, goOn } = await scene(t, (dir) => {
    fs.mkdirSync(path.join(dir, 'in'));
    return { target: path.join(dir, 'in', 'saved') };
  });
  await child.report('ready');
  const bytes = noise(SIZE);
  const first = 100 * KIB;
  const part = () => {
    const [name] = fs.readdirSync(path.join(dir, 'in'));
    return name === undefined ? undefined : path.join(dir, 'in', name);
  };
  async function* source() {
    yield bytes.subarray(0, first);
    await grownTo(first, part);
    await standStill();
    yield bytes.subarray(first);
  }
  const sent = server.sendStreamToClient('busy', source());
  await within(grownTo(SIZE, part), 'the file');
  t.regex(part()!, /\.part$/);
  goOn();
  await sent;
  await child.report('saved');
  t.is(hash(fs.readFileSync(path.join(dir, 'in', 'saved'))), hash(bytes));
});

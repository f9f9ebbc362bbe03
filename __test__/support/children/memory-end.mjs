// One end of a stream between two processes, or of one each way: config { address, role, sends,
// receives, size }. Who receives stops in the middle. Hears `look`: what this process has mapped;
// `go`: the receiver goes on.
import { createHash } from 'crypto';
import fs from 'fs';
import { Readable } from 'stream';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const { address, role, sends, receives, size } = config;
const SIZES = [65536, 1, 50001, 16384, 100000, 300];
const options = { id: 'memory', ...address };
const end = role === 'server' ? SmartIpc.createServer(options) : SmartIpc.createClient({ ...options, clientOnly: true });
let reading;

/** Mappings of memory for streams, how much of it is there, and descriptors of it. */
function look() {
  const sections = fs.readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const mapped = sections.filter((section) => section.includes('memfd:smartipc-stream'));
  const resident = mapped.map((section) => Number(/^Rss: +(\d+) kB/m.exec(section)[1]));
  const links = fs.readdirSync('/proc/self/fd').map((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  const open = links.filter((link) => link.includes('memfd:')).length;
  report('looked', { mapped: mapped.length, resident, open, driver: end.getStats().driver });
}

/** Pieces of odd lengths, each of them of bytes of its own. */
function* pieces(sha) {
  for (let at = 0, turn = 0; at < size; turn++) {
    const piece = Buffer.alloc(Math.min(SIZES[turn % SIZES.length], size - at));
    for (let index = 0; index < piece.length; index++) piece[index] = (at + index) * 31 + turn;
    at += piece.length;
    sha.update(piece);
    yield piece;
  }
}

async function send(call) {
  const sha = createHash('sha256');
  try {
    await call(Readable.from(pieces(sha), { objectMode: true }));
    report('sent', { hash: sha.digest('hex') });
  } catch (error) {
    report('sent', { error: describe(error) });
  }
}

function receive(readable) {
  const sha = createHash('sha256');
  let bytes = 0;
  reading = readable;
  readable.on('data', (piece) => {
    sha.update(piece);
    const before = bytes;
    bytes += piece.length;
    if (before < size / 2 && bytes >= size / 2) {
      readable.pause();
      report('half');
    }
  });
  readable.on('end', () => report('received', { hash: sha.digest('hex'), bytes }));
  readable.on('error', (error) => report('received', { error: describe(error) }));
}

process.on('message', (what) => {
  if (what === 'look') look();
  else if (what === 'go') reading.resume();
  else process.exit();
});
if (receives) end.on('stream', (_info, readable) => receive(readable));
end.on('error', () => {});
if (role === 'server') {
  if (sends) end.on('clientConnect', (id) => send((source) => end.sendStreamToClient(id, source)));
  await end.start();
} else {
  await end.connect();
  if (sends) send((source) => end.sendStream(source));
}
report('ready');

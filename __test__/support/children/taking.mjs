// A server that reads what is streamed to it and tells how much it took in a turn: config { socketPath }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

/** Milliseconds, half of what lib/streams/turns.js takes for long: it looks at two turns. */
const LONG = 4;
/** Turns since a message, half as many as are calm there: the sender may be short of a CPU. */
const RECENT = 32;

const server = SmartIpc.createServer({ id: 'taking', socketPath: config.socketPath });
let turns = 0;
let heardAt = -Infinity;
server.onMessage('chatter', () => {
  heardAt = turns;
});
server.on('stream', (info, readable) => {
  let bytes = 0;
  let inTurn = 0;
  let most = 0;
  let mostBeside = 0;
  let began = Date.now();
  let over = false;
  const turn = () => {
    // A turn that takes long gets more, and says nothing of others.
    if (Date.now() - began < LONG) {
      most = Math.max(most, inTurn);
      if (turns - heardAt <= RECENT) mostBeside = Math.max(mostBeside, inTurn);
    }
    turns++;
    inTurn = 0;
    began = Date.now();
    if (!over) setImmediate(turn);
  };
  turn();
  readable.on('data', (piece) => {
    bytes += piece.length;
    inTurn += piece.length;
  });
  readable.on('end', () => {
    over = true;
    report('taken', { bytes, most, mostBeside });
  });
});
await server.start();
report('ready');

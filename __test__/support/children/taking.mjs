// A server that reads what is streamed to it and tells how much it took in a turn,
// and at once: config { socketPath, reads: 'flowing' | 'awaiting' }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const server = SmartIpc.createServer({ id: 'taking', socketPath: config.socketPath });
server.on('stream', (info, readable) => {
  let bytes = 0;
  let inTurn = 0;
  let most = 0;
  let longest = 0;
  let over = false;
  const turn = () => {
    most = Math.max(most, inTurn);
    inTurn = 0;
    if (!over) setImmediate(turn);
  };
  turn();
  const take = (piece) => {
    bytes += piece.length;
    inTurn += piece.length;
    longest = Math.max(longest, piece.length);
  };
  const ended = () => {
    over = true;
    report('taken', { bytes, most, longest });
  };
  if (config.reads === 'flowing') readable.on('data', take).on('end', ended);
  else awaitAll(readable, take).then(ended);
});
await server.start();
report('ready');

async function awaitAll(readable, take) {
  for await (const piece of readable) take(piece);
}

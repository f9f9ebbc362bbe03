// A server that reads what is streamed to it and tells how much it took in a turn: config { socketPath }.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const server = SmartIpc.createServer({ id: 'taking', socketPath: config.socketPath });
server.on('stream', (info, readable) => {
  let bytes = 0;
  let inTurn = 0;
  let most = 0;
  let over = false;
  const turn = () => {
    most = Math.max(most, inTurn);
    inTurn = 0;
    if (!over) setImmediate(turn);
  };
  turn();
  readable.on('data', (piece) => {
    bytes += piece.length;
    inTurn += piece.length;
  });
  readable.on('end', () => {
    over = true;
    report('taken', { bytes, most });
  });
});
await server.start();
report('ready');

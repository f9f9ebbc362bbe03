// Hands out jobs, one at a time to each worker: who is slow gets fewer, and nothing
// piles up. Run it with: node boss.mjs [socket path] [number of jobs]
import { SmartIpc } from '@push.rocks/smartipc';

const server = SmartIpc.createServer({
  id: 'jobs',
  socketPath: process.argv[2] || '/tmp/job-workers.sock',
  autoCleanupSocketFile: true,
});
const total = Number(process.argv[3] || 20);
const waiting = Array.from({ length: total }, (_, index) => index + 1);
const idle = new Set();
const done = new Map();

/** Gives a worker jobs for as long as there are some. */
async function feed(workerId) {
  idle.delete(workerId);
  while (waiting.length > 0) {
    const number = waiting.shift();
    try {
      // The next job leaves when this one is done.
      const { square } = await server.requestClient(workerId, 'job', { number }, { timeout: 10000 });
      console.log(`${number} squared is ${square}`);
      done.set(number, workerId);
    } catch (error) {
      // These jobs may run twice; others would ask error.mayHaveRun first.
      waiting.push(number);
      console.log(`job ${number} is given back: ${error.code}`);
      if (server.getClientInfo(workerId) === undefined) {
        for (const other of idle) feed(other);
        return;
      }
    }
  }
  idle.add(workerId);
  if (done.size < total) return;
  for (const id of new Set(done.values())) console.log(`${id} did ${[...done.values()].filter((who) => who === id).length} jobs`);
  await server.stop();
}

server.on('clientConnect', feed);
server.on('clientDisconnect', (workerId) => idle.delete(workerId));

await server.start();
console.log(`${total} jobs wait for workers`);

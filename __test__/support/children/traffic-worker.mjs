// A thread with a server and clients of its own, in traffic until it is ended:
// workerData { socketPath, clients, mainPath, leave }.
import { parentPort, workerData } from 'worker_threads';
import { SmartIpc } from '@push.rocks/smartipc';

const { socketPath, clients, mainPath, leave } = workerData;
const filling = 'x'.repeat(300);
const server = SmartIpc.createServer({ id: 'thread', socketPath });
server.onMessage('echo', (payload) => payload);
server.onMessage('later', async (payload) => {
  await new Promise((resolve) => setImmediate(resolve));
  return payload;
});
server.onMessage('noted', () => {});
server.on('error', () => {});
await server.start();

/** Mixed calls without end; a wrong answer ends the thread with an error. */
async function work(client, lane) {
  for (let index = 0; ; index++) {
    const type = index % 2 ? 'echo' : 'later';
    const answer = await client.request(type, { lane, index, filling });
    if (answer.lane !== lane || answer.index !== index) throw new Error('a wrong answer');
    client.sendMessage('noted', { index });
    client.publish('numbers', { index });
  }
}

const all = [];
for (let number = 0; number < clients; number++) {
  const client = SmartIpc.createClient({ id: 'thread', socketPath });
  client.on('error', () => {});
  await client.connect();
  await client.subscribe('numbers', () => {});
  all.push(client);
}
if (mainPath !== undefined) {
  const client = SmartIpc.createClient({ id: 'main', socketPath: mainPath });
  client.on('error', () => {});
  await client.connect();
  all.push(client);
}

if (leave) {
  const answers = await Promise.all(all.map((client, lane) => client.request('echo', { lane })));
  if (answers.some((answer, lane) => answer.lane !== lane)) throw new Error('a wrong answer');
  if (leave === 'in order') {
    await Promise.all(all.map((client) => client.disconnect()));
    await server.stop();
  } else {
    for (const [lane, client] of all.entries()) work(client, lane).catch(() => {});
    setImmediate(() => process.exit(0));
  }
} else {
  for (const [lane, client] of all.entries()) {
    work(client, lane).catch((error) => {
      if (error.message === 'a wrong answer') throw error;
    });
  }
  parentPort.postMessage('working');
}

// Run it with: node client.ts [socket path]
import { SmartIpc } from '@push.rocks/smartipc';
import type { Contract } from './contract.js';

const client = SmartIpc.createClient<Contract>({
  id: 'todos',
  socketPath: process.argv[2] || '/tmp/typed-contract.sock',
  clientId: 'reader',
  connectRetry: { enabled: true, totalTimeout: 10000 },
});
await client.connect();

// todo is Todo | { id: number }: what todo.added and todo.finished carry.
const told = new Promise<void>((resolve) => {
  void client.subscribe('todo.*', (todo, { topic }) => {
    console.log(`${topic}: ${'text' in todo ? todo.text : `number ${todo.id}`}`);
    if (topic === 'todo.finished') resolve();
  });
});
await client.sendMessage('note', 'hello');

const todo = await client.request('add', { text: 'read the docs' });
console.log(await client.request('finish', { id: todo.id }));
await told;
console.log((await client.request('list', { done: true })).map(({ text }) => text).join(', '));
await client.disconnect();

// What does not compile:
// client.request('ad', { text: 'read' });
// client.request('add', { text: 5 });
// client.publish('todo.added', { id: 1 });

// Run it with: node server.ts [socket path]
import { SmartIpc } from '@push.rocks/smartipc';
import type { Contract, Todo } from './contract.js';

const server = SmartIpc.createServer<Contract>({
  id: 'todos',
  socketPath: process.argv[2] || '/tmp/typed-contract.sock',
  autoCleanupSocketFile: true,
});
const todos: Todo[] = [];

server.onMessage('add', async ({ text }) => {
  const todo = { id: todos.length + 1, text, done: false };
  todos.push(todo);
  await server.publish('todo.added', todo);
  return todo;
});
server.onMessage('finish', async ({ id }) => {
  const todo = todos.find((one) => one.id === id);
  if (todo === undefined) return 'unknown';
  todo.done = true;
  await server.publish('todo.finished', { id });
  return 'finished';
});
server.onMessage('list', ({ done }) => todos.filter((todo) => done === undefined || todo.done === done));
server.onMessage('note', (line, clientId) => console.log(`${clientId}: ${line.trim()}`));
// A real server goes on; this one ends with its first client.
server.on('clientDisconnect', () => void server.stop());

await server.start();
console.log('the server runs');

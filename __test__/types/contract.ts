// Contracts: messages and topics by name, wildcards included.

import { SmartIpc } from '@push.rocks/smartipc';
import type { IIpcTopicInfo, IpcChannel, IpcClient, IpcServer } from '@push.rocks/smartipc';
import { same, some } from './equal.ts';

interface Query {
  isbn: string;
}

interface Book {
  title: string;
  pages: number;
}

interface Contract {
  messages: {
    find: [Query, Book];
    ping: [undefined, 'pong' | 'later'];
    log: [string];
    count: [Query, void];
  };
  topics: {
    'book.new': Book;
    'book.lost': Query;
    'shelf.a.full': { at: number };
    'room.*': { text: string };
  };
}

const server = SmartIpc.createServer<Contract>({ id: 'library' });
const client = SmartIpc.createClient<Contract>({ id: 'library' });
const channel = SmartIpc.createChannel<Contract>({ id: 'library' });
same<typeof server, IpcServer<Contract>>(true);
same<typeof client, IpcClient<Contract>>(true);
same<typeof channel, IpcChannel<Contract>>(true);

// Handlers --------------------------------------------------------------------

server.onMessage('find', async (query, clientId) => {
  same<typeof query, Query>(true);
  same<typeof clientId, string>(true);
  return { title: query.isbn, pages: 1 };
});
const lines: string[] = [];
server.onMessage('log', (line) => lines.push(line));
server.onMessage('ping', () => 'pong');
server.onMessage('ping', async () => (lines.length > 0 ? 'pong' : 'later'));
client.onMessage('ping', async (payload) => {
  same<typeof payload, undefined>(true);
  if (lines.length > 0) return 'later';
  return 'pong';
});
client.onMessage('find', (query, context) => {
  same<typeof query, Query>(true);
  context.signal.addEventListener('abort', () => {});
  return { title: '', pages: 1 };
});
channel.on('find', (query) => ({ title: query.isbn, pages: 1 }));
channel.onMessage('log', (line) => lines.push(line));
channel.on('disconnect', (reason) => reason === 'replaced');
server.offMessage('find');

// @ts-expect-error the answer lacks `pages`
server.onMessage('find', async () => ({ title: '' }));
// @ts-expect-error a query has no `author`
server.onMessage('find', (query) => ({ title: query.author, pages: 1 }));
// @ts-expect-error no such message
server.onMessage('fnd', () => {});
// @ts-expect-error no such message
server.offMessage('fnd');
// @ts-expect-error the answer is no Book
channel.on('find', () => 'a book');
// @ts-expect-error no such message
channel.on('fnd', () => {});

// Calls -----------------------------------------------------------------------

const book = client.request('find', { isbn: '111' }, { timeout: 5000 });
same<typeof book, Promise<Book>>(true);
const pong = client.request('ping', undefined);
same<typeof pong, Promise<'pong' | 'later'>>(true);
const nothing = client.request('count', { isbn: '111' });
same<typeof nothing, Promise<void>>(true);
const fromClient = server.requestClient('client-1', 'find', { isbn: '111' });
same<typeof fromClient, Promise<Book>>(true);
const fromOther = channel.request('find', { isbn: '111' });
same<typeof fromOther, Promise<Book>>(true);
client.sendMessage('log', 'a line');
channel.sendMessage('log', 'a line', { trace: 'abc' });
server.sendToClient('client-1', 'log', 'a line');
server.broadcast('log', 'a line');
server.broadcastTo(['client-1'], 'log', 'a line').then((missing) => missing.length);

// @ts-expect-error no such message
client.request('fnd', { isbn: '111' });
// @ts-expect-error `isbn` is missing
client.request('find', {});
// @ts-expect-error a Book has no `author`
book.then((found) => found.author);
// @ts-expect-error the contract says what the answer is
client.request<Query, string>('find', { isbn: '111' });
// @ts-expect-error known as a string only
client.request(some<string>(), {});
// @ts-expect-error a line is a string
client.sendMessage('log', 5);
// @ts-expect-error a line is a string
server.broadcast('log', { line: '' });
// @ts-expect-error a line is a string
server.sendToClient('client-1', 'log', 5);
// @ts-expect-error `isbn` is missing
server.requestClient('client-1', 'find', {});

// Topics ----------------------------------------------------------------------

client.subscribe('book.new', (found, info) => {
  same<typeof found, Book>(true);
  same<typeof info, IIpcTopicInfo>(true);
});
client.subscribe('book.*', (payload) => {
  same<typeof payload, Book | Query>(true);
});
client.subscribe('*.lost', (payload) => {
  same<typeof payload, Query>(false); // room.lost too
  same<typeof payload, Query | { text: string }>(true);
});
client.subscribe('shelf.**', (payload) => {
  same<typeof payload, { at: number }>(true);
});
client.subscribe('**.full', (payload) => {
  same<typeof payload, { at: number } | { text: string }>(true);
});
client.subscribe('shelf.**.full', (payload) => {
  same<typeof payload, { at: number }>(true);
});
client.subscribe('shelf.a.full.**', (payload) => {
  same<typeof payload, { at: number }>(true);
});
client.subscribe('**', (payload) => {
  same<typeof payload, Book | Query | { at: number } | { text: string }>(true);
});
client.subscribe('room.7', (payload) => {
  same<typeof payload, { text: string }>(true);
});
client.subscribe('room.*', (payload) => {
  same<typeof payload, { text: string }>(true);
});
client.subscribe(some<string>(), (payload) => {
  same<typeof payload, unknown>(true);
});
const onBook = (found: Book) => console.log(found);
client.subscribe('book.new', onBook);
client.unsubscribe('book.new', onBook);
client.unsubscribe('book.*');

// @ts-expect-error no such topic
client.subscribe('book.old', () => {});
// @ts-expect-error * is one segment
client.subscribe('shelf.*', () => {});
// @ts-expect-error nothing ends so
client.subscribe('book.**.half', () => {});
// @ts-expect-error a Book has no `author`
client.subscribe('book.new', (found) => found.author);
// @ts-expect-error a Query is no Book
client.subscribe('book.lost', onBook);
// @ts-expect-error no such topic
client.unsubscribe('book.old');

client.publish('book.new', { title: '', pages: 1 });
client.publish('room.7', { text: '' });
server.publish('shelf.a.full', { at: 5 });

// @ts-expect-error `pages` is missing
client.publish('book.new', { title: '' });
// @ts-expect-error no such topic
server.publish('book.old', {});
// @ts-expect-error one can't publish to a wildcard
client.publish('room.*', { text: '' });
// @ts-expect-error one can't publish to a wildcard
client.publish('book.*', { title: '', pages: 1 });
// @ts-expect-error a room is one segment
client.publish('room.7.left', { text: '' });

// Parts of a contract ---------------------------------------------------------

const onlyTopics = SmartIpc.createClient<{ topics: { 'user.login': { id: string } } }>({ id: 'library' });
onlyTopics.request('anything', {}).then((answer) => answer.anything);
onlyTopics.subscribe('user.*', (user) => {
  same<typeof user, { id: string }>(true);
});
// @ts-expect-error no such topic
onlyTopics.subscribe('user.logout', () => {});

const onlyMessages = SmartIpc.createServer<{ messages: { log: [string] } }>({ id: 'library' });
onlyMessages.publish('anything', {});
// @ts-expect-error no such message
onlyMessages.broadcast('anything', {});

// A literal type that is no interface will do as well.
type Literal = { messages: { log: [string] }; topics: {} };
SmartIpc.createClient<Literal>({ id: 'library' }).sendMessage('log', '');
// @ts-expect-error there are no topics at all
SmartIpc.createClient<Literal>({ id: 'library' }).publish('anything', {});

// @ts-expect-error neither messages nor topics
SmartIpc.createServer<{ requests: {} }>({ id: 'library' });

// With and without ------------------------------------------------------------

/** A helper that knows nothing of contracts. */
function describe(who: IpcClient | IpcServer): string {
  return String(who.getStats().metrics.errors);
}
describe(client);
describe(server);
const open: IpcClient = client;
const closed: IpcClient<Contract> = SmartIpc.createClient({ id: 'library' });

SmartIpc.spawnAndConnect<Contract>({ serverScript: './server.js' }).then(({ client: spawned }) => {
  same<typeof spawned, IpcClient<Contract>>(true);
});

/** A class of one's own. */
declare class Library extends (0 as unknown as typeof import('@push.rocks/smartipc').IpcClient)<Contract> {}
some<Library>().request('find', { isbn: '111' }).then((found) => found.pages);

export { closed, open };

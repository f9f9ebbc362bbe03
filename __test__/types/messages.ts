// Requests, handlers, topics: generics, signals, promises.

import type {
  IIpcMessageContext,
  IIpcPeerCredentials,
  IIpcTopicInfo,
  IpcClient,
  IpcHeaders,
  IpcServer,
} from '@push.rocks/smartipc';
import { same, some } from './equal.ts';

interface BookQuery {
  isbn: string;
  fields?: string[];
}

interface Book {
  title: string;
  pages: number;
}

const server = some<IpcServer>();
const client = some<IpcClient>();

// Untyped calls, as in the readme ---------------------------------------------

server.onMessage('greet', async (data, clientId) => {
  same<typeof data, any>(true);
  same<typeof clientId, string>(true);
  return { response: `Hello ${data.name}!` };
});
server.onMessage('log', (data, clientId) => {
  console.log(`[${clientId}] ${data.level}:`, data.message);
});
server.onMessage('ping', () => 'pong');
client.onMessage('greet', (data, context) => {
  same<typeof data, any>(true);
  same<typeof context, IIpcMessageContext>(true);
});

const untyped = client.request('greet', { name: 'World' });
same<typeof untyped, Promise<any>>(true);

// Typed calls -----------------------------------------------------------------

server.onMessage<BookQuery, Book>('find', async (query, clientId, context) => {
  same<typeof query, BookQuery>(true);
  same<typeof clientId, string>(true);
  same<typeof context, IIpcMessageContext>(true);
  return { title: query.isbn, pages: 1 };
});
server.onMessage<BookQuery, Book>('find', () => ({ title: '', pages: 1 }));
server.onMessage('find', (query: BookQuery) => query.isbn);
client.onMessage<BookQuery, Book>('find', async () => ({ title: '', pages: 1 }));

// @ts-expect-error the answer lacks `pages`
server.onMessage<BookQuery, Book>('find', async () => ({ title: '' }));
// @ts-expect-error the query has no `author`
server.onMessage<BookQuery, Book>('find', (query) => ({ title: query.author, pages: 1 }));
// @ts-expect-error the answer is no Book
client.onMessage<BookQuery, Book>('find', () => 'a book');
// @ts-expect-error a handler is a function
server.onMessage('find', 'handler');
// @ts-expect-error a type is a string
server.onMessage(5, () => {});
// @ts-expect-error a type is a string
server.offMessage(5);

const book = client.request<BookQuery, Book>('find', { isbn: '111', fields: ['title'] }, { timeout: 5000 });
same<typeof book, Promise<Book>>(true);
const status = client.request<undefined, Book>('status', undefined);
same<typeof status, Promise<Book>>(true);
const fromClient = server.requestClient<BookQuery, Book>('client-1', 'find', { isbn: '111' });
same<typeof fromClient, Promise<Book>>(true);

// @ts-expect-error `isbn` is missing
client.request<BookQuery, Book>('find', {});
// @ts-expect-error a Book has no `author`
book.then((found) => found.author);
// @ts-expect-error the payload is missing
server.requestClient<BookQuery, Book>('client-1', 'find');
// @ts-expect-error the client's id comes first
server.requestClient({ isbn: '111' }, 'find', {});

// Options of a request --------------------------------------------------------

client.request('find', {}, {});
client.request('find', {}, { timeout: undefined, signal: undefined, headers: undefined });
client.request('find', {}, { signal: new AbortController().signal });
client.request('find', {}, { signal: AbortSignal.timeout(5) });
client.request('find', {}, { timeout: Infinity, headers: { trace: 'abc', depth: 1 } });
server.requestClient('client-1', 'find', {}, { signal: new AbortController().signal });

// @ts-expect-error milliseconds, not a text
client.request('find', {}, { timeout: '5s' });
// @ts-expect-error the signal, not its controller
client.request('find', {}, { signal: new AbortController() });
// @ts-expect-error headers have names
client.request('find', {}, { headers: 'trace' });
// @ts-expect-error no such option
client.request('find', {}, { retries: 3 });

// A substitute for AbortSignal will do.
client.request('find', {}, { signal: { aborted: false, addEventListener() {}, removeEventListener() {} } });

// One-way ---------------------------------------------------------------------

same<ReturnType<typeof client.sendMessage>, Promise<void>>(true);
same<ReturnType<typeof server.sendToClient>, Promise<void>>(true);
same<ReturnType<typeof server.broadcast>, Promise<void>>(true);
same<ReturnType<typeof server.broadcastTo>, Promise<string[]>>(true);
same<ReturnType<typeof server.publish>, Promise<void>>(true);
same<ReturnType<typeof client.publish>, Promise<void>>(true);

client.sendMessage('log', { level: 'info' }, { trace: 'abc' });
client.sendMessage<Book>('found', { title: '', pages: 1 });
server.sendToClient('client-1', 'direct', { data: 'Personal message' });
server.broadcastTo(['client-1', 'client-2'] as const, 'private', {});

// @ts-expect-error `pages` is missing
client.sendMessage<Book>('found', { title: '' });
// @ts-expect-error ids, not one id
server.broadcastTo('client-1', 'private', {});
// @ts-expect-error headers have names
client.sendMessage('log', {}, 'trace');

// Topics ----------------------------------------------------------------------

client.subscribe('user.login', (data) => {
  same<typeof data, any>(true);
});
client.subscribe<Book>('books.*', (found, info) => {
  same<typeof found, Book>(true);
  same<typeof info, IIpcTopicInfo>(true);
  same<typeof info.publisherId, string | undefined>(true);
});
client.subscribe('books.**', async (found: Book) => found.title);
const titles: string[] = [];
client.subscribe<Book>('books.new', (found) => titles.push(found.title));
same<ReturnType<typeof client.subscribe>, Promise<void>>(true);

const onBook = (found: Book) => console.log(found);
client.subscribe('books.new', onBook);
client.unsubscribe('books.new', onBook);
client.unsubscribe('books.new');

// @ts-expect-error the handler is missing
client.subscribe('books.new');
// @ts-expect-error a handler is a function
client.unsubscribe('books.new', 'onBook');
// @ts-expect-error a Book has no `author`
client.subscribe<Book>('books.new', (found) => found.author);
// @ts-expect-error `pages` is missing
client.publish<Book>('books.new', { title: '' });

// Context ---------------------------------------------------------------------

const context = some<IIpcMessageContext>();
same<typeof context.signal, AbortSignal>(true);
same<typeof context.headers, IpcHeaders>(true);
same<typeof context.peer, IIpcPeerCredentials>(true);
same<typeof context.peer.pid, number | null>(true);
context.signal.addEventListener('abort', () => {}, { once: true });

// @ts-expect-error it is told, not chosen
context.clientId = 'other';

// Life ------------------------------------------------------------------------

same<ReturnType<typeof server.start>, Promise<void>>(true);
same<ReturnType<typeof server.stop>, Promise<void>>(true);
same<ReturnType<typeof client.connect>, Promise<void>>(true);
same<ReturnType<typeof client.disconnect>, Promise<void>>(true);
same<ReturnType<typeof server.disconnectClient>, Promise<void>>(true);
server.start({ readyWhen: 'accepting' });
client.connect({ waitForReady: true, waitTimeout: 10000 });
const chained: IpcServer = server.ref().unref();
const chainedClient: IpcClient = client.unref().ref();

// @ts-expect-error no such moment
server.start({ readyWhen: 'soon' });
// @ts-expect-error milliseconds, not a text
client.connect({ waitTimeout: '10s' });
// @ts-expect-error the id can't be changed
client.clientId = 'other';

export { chained, chainedClient };

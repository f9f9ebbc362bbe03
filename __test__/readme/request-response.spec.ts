import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { closeAfter, failure, recorder, settlesSoon, tempSocket } from '../support/helpers.cjs';

interface BookQuery {
  isbn: string;
  fields?: string[];
}

interface Book {
  isbn: string;
  title: string;
  shelf?: string;
  boughtAt: number;
}

const shelves = new Map([['111', { isbn: '111', title: 'On Sockets', shelf: 'B7', boughtAt: 1700000000000 }]]);

test('a typed request with a time-out', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'library', socketPath }));
  server.onMessage<BookQuery, Book>('find', async (query) => {
    const book = await Promise.resolve(shelves.get(query.isbn)!);
    return {
      isbn: book.isbn,
      title: book.title,
      shelf: query.fields?.includes('shelf') ? book.shelf : undefined,
      boughtAt: book.boughtAt,
    };
  });
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'library', socketPath }));
  await client.connect();

  const full = await client.request<BookQuery, Book>('find', { isbn: '111', fields: ['shelf'] }, { timeout: 5000 });
  t.deepEqual(full, { isbn: '111', title: 'On Sockets', shelf: 'B7', boughtAt: 1700000000000 });

  const short = await client.request<BookQuery, Book>('find', { isbn: '111' }, { timeout: 5000 });
  t.deepEqual(Object.keys(short).sort(), ['boughtAt', 'isbn', 'title']);
});

test('a request that takes too long is given up', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'library', socketPath }));
  server.onMessage('search-cellar', () => new Promise(() => {}));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'library', socketPath }));
  await client.connect();

  const error = await failure(() => client.request('search-cellar', {}, { timeout: 150 }));
  t.is(error.message, 'Request timeout for search-cellar');
  t.is(await client.request('echo', 'the connection is fine'), 'the connection is fine');
});

test("the endpoint's timeout option is the default of a request", async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'library', socketPath }));
  server.onMessage('search-cellar', () => new Promise(() => {}));
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'library', socketPath, timeout: 150 }));
  await client.connect();

  const error = await failure(() => client.request('search-cellar', {}));
  t.is(error.message, 'Request timeout for search-cellar');
});

test('answers find their requests, whatever order they come in', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'library', socketPath }));
  const open: (() => void)[] = [];
  const asked = recorder();
  server.onMessage('later', (number: number) => {
    asked(number);
    return new Promise((resolve) => open.push(() => resolve({ number })));
  });
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'library', socketPath }));
  await client.connect();

  const numbers = Array.from({ length: 50 }, (_, index) => index);
  const answers = Promise.all(numbers.map((number) => client.request('later', number)));
  await asked.until(numbers.length);
  t.false(await settlesSoon(answers));
  for (const answer of open.reverse()) answer();

  t.deepEqual(await answers, numbers.map((number) => ({ number })));
});

test('a handler that answers at once and one that answers with a promise are the same to the caller', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, SmartIpc.createServer({ id: 'library', socketPath }));
  server.onMessage('at-once', () => 'here');
  server.onMessage('promised', async () => 'there');
  await server.start();
  const client = closeAfter(t, SmartIpc.createClient({ id: 'library', socketPath }));
  await client.connect();

  t.deepEqual(await Promise.all([client.request('at-once', {}), client.request('promised', {})]), ['here', 'there']);
});

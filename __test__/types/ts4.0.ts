// What TypeScript 4.0 is given; without template literal types, names of topics are
// not checked. declarations.spec.ts compiles this by itself.

import { IpcClient, SmartIpc } from '../../types/ts4.0';

interface Contract {
  messages: { find: [{ isbn: string }, { title: string }] };
  topics: { 'book.new': { title: string }; 'book.lost': { isbn: string } };
}

const open = SmartIpc.createClient({ id: 'library' });
open.request('find', {}).then((found) => found.title);
open.subscribe('book.*', (payload) => payload.title);

const client: IpcClient<Contract> = SmartIpc.createClient<Contract>({ id: 'library' });
client.request('find', { isbn: '111' }).then((found) => found.title.length);
client.subscribe('book.new', (book) => book.title.length);
client.subscribe('book.*', (either) => ('isbn' in either ? either.isbn.length : either.title.length));
client.on('stream', (info, readable) => readable.on('progress', ({ bytes }) => console.log(info.streamId, bytes.toFixed())));

// @ts-expect-error no such message
client.request('fnd', { isbn: '111' });
// @ts-expect-error a Book has no `author`
client.subscribe('book.new', (book) => book.author);

// docs/api.md, the declarations and the code name the same things.

import { EventEmitter } from 'events';
import fs from 'fs';
import { Readable } from 'stream';
import test from 'ava';
import ts from 'typescript';
import * as smartipc from '@push.rocks/smartipc';

import { readApiDoc } from '../support/api-doc.ts';
import { readDeclarations } from '../support/declared.ts';
import { closeAfter, failure, tempSocket } from '../support/helpers.cjs';

const doc = readApiDoc();
const declared = readDeclarations();
const pkg = smartipc as any;
/** Public by name, but for the insides of the library. */
const INSIDE = ['constructor', 'dirty', 'flush', 'receive'];

const sorted = (names: Iterable<string>) => [...new Set(names)].sort();
const read = (file: string) => fs.readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

// Declarations and document ---------------------------------------------------

test('every class has a chapter with its members, each with an example', (t) => {
  t.deepEqual(sorted(doc.members.keys()), sorted(declared.classes.keys()));
  for (const [name, { members, statics }] of declared.classes) {
    t.deepEqual(sorted(doc.members.get(name)!), sorted([...members, ...statics]), name);
  }
  t.deepEqual(doc.bare, []);
});

test('every interface has a table with its members', (t) => {
  // One member more than another: a sentence will do.
  const inSentences = ['IIpcServerStreamInfo'];
  t.deepEqual(sorted([...doc.tables.keys(), ...inSentences]), sorted(declared.interfaces.keys()));
  for (const [name, { rows }] of doc.tables) {
    t.deepEqual(sorted(rows.map((row) => row.name)), sorted(ownNames(name)), name);
  }
});

test('every type is mentioned', (t) => {
  for (const name of [...declared.aliases, ...declared.interfaces.keys()]) t.true(doc.text.includes(`\`${name}\``), name);
});

test('defaults are the same', (t) => {
  for (const [name, { kind, rows }] of doc.tables) {
    if (kind !== 'option') continue;
    for (const { name: option, preset } of declared.interfaces.get(name)!.own) {
      const row = rows.find((one) => one.name === option)!;
      t.is(row.preset.replace(/`/g, ''), (preset || '').replace(/`/g, ''), `${name}.${option}`);
    }
  }
});

test('texts that stay are those of the document of errors', (t) => {
  const section = (text: string, heading: string) => text.split(`${heading}\n`)[1].split(/^#/m)[0];
  const rows = (text: string) => text.split('\n').filter((line) => line.startsWith('|'));
  t.deepEqual(rows(section(doc.text, '### Texts that stay')), rows(section(read('docs/errors.md'), '## Texts')));
});

// Code and declarations -------------------------------------------------------

test('what is exported is declared', (t) => {
  t.deepEqual(sorted(Object.keys(pkg.default)), sorted(declared.classes.keys()));
});

for (const [name, { members, statics }] of declared.classes) {
  test(`the members of ${name} are those declared`, (t) => {
    const found = pkg[name];
    t.is(typeof found, 'function', `${name} is not exported`);
    const own = Object.getOwnPropertyNames(found).filter((key) => typeof found[key] === 'function');
    t.deepEqual(sorted(own), sorted(statics));
    if (name === 'SmartIpc') return;
    t.deepEqual(sorted(publicMembers(found, create(name)).filter((key) => !INSIDE.includes(key))), sorted(members));
  });
}

const OPTIONS: Record<string, { type: string; make: (options: any) => unknown; given?: object }> = {
  IpcServer: { type: 'IIpcServerOptions', make: (options) => new pkg.IpcServer(options) },
  IpcClient: { type: 'IIpcClientOptions', make: (options) => new pkg.IpcClient(options) },
  IpcChannel: { type: 'IIpcChannelOptions', make: (options) => pkg.SmartIpc.createChannel(options) },
  connectRetry: { type: 'IConnectRetryConfig', make: (connectRetry) => new pkg.IpcClient({ id: 'a', connectRetry }) },
  start: { type: 'IServerStartOptions', make: (options) => create('IpcServer').start(options) },
  connect: { type: 'IClientConnectOptions', make: (options) => create('IpcClient').connect(options) },
  waitForServer: { type: 'IWaitForServerOptions', make: (options) => pkg.SmartIpc.waitForServer(options), given: { port: 1 } },
  spawnAndConnect: {
    type: 'ISpawnAndConnectOptions',
    make: (options) => pkg.SmartIpc.spawnAndConnect(options),
    given: { serverScript: 'server.js' },
  },
  request: { type: 'IIpcRequestOptions', make: (options) => create('IpcClient').request('type', {}, options) },
  sendStream: { type: 'IIpcStreamOptions', make: (options) => create('IpcClient').sendStream(Readable.from([]), options) },
  sendFile: { type: 'IIpcStreamOptions', make: (options) => create('IpcClient').sendFile('in.bin', options) },
  pipeStreamToFile: {
    type: 'IPipeStreamToFileOptions',
    make: (options) => pkg.SmartIpc.pipeStreamToFile(Readable.from([]), '/nowhere/out.bin', options),
  },
};
/** Passed on as they are: to `spawn`, and to `JSON.stringify`. */
const UNCHECKED = ['spawnOptions', 'meta'];

for (const [name, { type, make, given }] of Object.entries(OPTIONS)) {
  test(`${name}: a wrong value of every declared option is refused by its name`, async (t) => {
    const names = declared.interfaces.get(type)!.all.filter((option) => !UNCHECKED.includes(option));
    const taken: string[] = [];
    for (const option of names) {
      // A symbol is right for nothing, metadata as JSON text least of all.
      const wrong = option === 'metadata' ? 1n : Symbol(option);
      const error = await failure(() => make({ id: 'documented', ...given, [option]: wrong })).catch(() => undefined);
      const named = error && /TypeError|RangeError/.test(error.name) && error.message.includes(option);
      if (named) taken.push(option);
    }
    t.deepEqual(sorted(taken), sorted(names));
  });
}

for (const [name, type] of Object.entries({ server: 'IIpcServerOptions', client: 'IIpcClientOptions' })) {
  test(`every option that a ${name} reads is declared`, async (t) => {
    const { default: options }: any = await import('../../lib/options.js');
    const asked = new Set<string>();
    const watch = (target: object) =>
      new Proxy(target, {
        get(of, key) {
          if (typeof key === 'string') asked.add(key);
          return Reflect.get(of, key);
        },
      });
    // connectRetry is read on its own, so that its options count too.
    options[name](watch({ id: 'documented', connectRetry: watch({}) }));
    const nested = name === 'client' ? declared.interfaces.get('IConnectRetryConfig')!.all : [];
    t.deepEqual(sorted([...asked]), sorted([...declared.interfaces.get(type)!.all, ...nested]));
  });
}

test('the events that are emitted are those declared', (t) => {
  const types = ['IIpcServerEvents', 'IIpcClientEvents', 'IIpcChannelEvents', 'IIpcIncomingStream'];
  const files = fs.readdirSync(new URL('../../lib', import.meta.url), { recursive: true }).map(String);
  const emitted = files
    .filter((file) => file.endsWith('.js'))
    .flatMap((file) => [...read(`lib/${file}`).matchAll(/\b(?:this|client|server|channel|readable)\.(?:_?emit|rawListeners)\('(\w+)'/g)])
    .map(([, event]) => event);
  t.deepEqual(sorted(emitted), sorted(types.flatMap(ownNames)));
});

test('the numbers are those declared', async (t) => {
  const socketPath = tempSocket(t);
  const server = closeAfter(t, pkg.SmartIpc.createServer({ id: 'numbers', socketPath }));
  const client = closeAfter(t, pkg.SmartIpc.createClient({ id: 'numbers', socketPath, clientId: 'one', metadata: {} }));
  await server.start();
  await client.connect();
  await client.request('nothing', {}).catch(() => {});

  const has = (value: object, type: string) => t.deepEqual(sorted(Object.keys(value)), sorted(declared.interfaces.get(type)!.all), type);
  has(server.getStats(), 'IIpcServerStats');
  has(server.getStats().metrics, 'IIpcMetrics');
  has(client.getStats(), 'IIpcClientStats');
  has(client.getStats().metrics, 'IIpcMetrics');
  has(server.getClientInfo('one'), 'IIpcClientInfo');
  has(server.getClientInfo('one').peer, 'IIpcPeerCredentials');
});

// Helpers ---------------------------------------------------------------------

/** The members of an interface; of one that only types events, their names. */
function ownNames(name: string): string[] {
  const { own, declaration } = declared.interfaces.get(name)!;
  if (name !== 'IIpcIncomingStream') return own.map((member) => member.name);
  const events = declaration.members.flatMap((member) => (ts.isMethodSignature(member) ? member.parameters[0].type! : []));
  return events.flatMap((type) => (ts.isLiteralTypeNode(type) && ts.isStringLiteral(type.literal) ? type.literal.text : []));
}

function create(name: string): any {
  return name === 'IpcError' ? new pkg.IpcError('CODE', 'text', { mayHaveRun: true, cause: 1 }) : new pkg[name]({ id: 'documented' });
}

/** Methods, accessors and properties without an underscore, up to what Node has itself. */
function publicMembers(type: any, instance: object): string[] {
  const names = new Set(Object.getOwnPropertyNames(instance));
  for (let proto = type.prototype; proto !== EventEmitter.prototype && proto !== Error.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const name of Object.getOwnPropertyNames(proto)) names.add(name);
  }
  const inherited = [...Object.getOwnPropertyNames(new EventEmitter()), ...Object.getOwnPropertyNames(new Error()), 'message', 'name'];
  // What an EventEmitter has counts where it is declared anew.
  const { members } = declared.classes.get(type.name)!;
  return [...names].filter((name) => {
    if (name.startsWith('_') || inherited.includes(name)) return false;
    return members.includes(name) || !(name in EventEmitter.prototype);
  });
}

import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';

const base: any = { id: 'choosy', socketPath: '/nowhere/choosy.sock' };

const WRONG_EVERYWHERE: [string, unknown][] = [
  ['id', undefined],
  ['id', 5],
  ['socketPath', 5],
  ['socketPath', {}],
  ['host', 5],
  ['port', 'http'],
  ['port', -1],
  ['port', 65536],
  ['port', 80.5],
  ['authToken', 5],
  ['encryption', 'yes'],
  ['tls', 'yes'],
  ['tls', []],
  ['timeout', 'soon'],
  ['timeout', -1],
  ['timeout', NaN],
  ['noDelay', 'yes'],
  ['maxMessageSize', '8mb'],
  ['maxMessageSize', -1],
  ['heartbeat', 'yes'],
  ['heartbeatInterval', 'often'],
  ['heartbeatInterval', -5],
  ['heartbeatTimeout', 'late'],
  ['heartbeatTimeout', -5],
  ['heartbeatInitialGracePeriodMs', 'a while'],
  ['heartbeatInitialGracePeriodMs', -1],
  ['heartbeatThrowOnTimeout', 'perhaps'],
  ['heartbeatThrowOnTimeout', 1],
  ['maxConcurrentStreams', 'many'],
  ['maxConcurrentStreams', -1],
  ['serialization', 'yaml'],
  ['serialization', 5],
  ['busyPoll', 'always'],
  ['busyPoll', -1],
];

const WRONG_SERVER: [string, unknown][] = [
  ['maxClients', 'all'],
  ['maxClients', -1],
  ['maxClientsPerUid', 'all'],
  ['maxClientsPerUid', 1.5],
  ['clientIdleTimeout', 'lazy'],
  ['clientIdleTimeout', -1],
  ['autoCleanupSocketFile', 'yes'],
  ['socketMode', 'rw'],
  ['socketMode', -1],
  ['socketMode', 0o10000],
  ['slowConsumer', 'punish'],
  ['writeTimeout', 'soon'],
  ['writeTimeout', -1],
  ['handshakeTimeout', 'soon'],
  ['handshakeTimeout', 0],
  ['frameTimeout', 'soon'],
  ['frameTimeout', 0],
  ['allowedUids', 0],
  ['allowedUids', ['root']],
  ['allowedGids', 'wheel'],
];

const WRONG_CLIENT: [string, unknown][] = [
  ['clientOnly', 'yes'],
  ['autoReconnect', 'yes'],
  ['reconnectDelay', 'short'],
  ['reconnectDelay', -1],
  ['maxReconnectDelay', 'long'],
  ['maxReconnectDelay', -1],
  ['reconnectMultiplier', 'double'],
  ['reconnectMultiplier', -2],
  ['maxReconnectAttempts', 'some'],
  ['maxReconnectAttempts', -1],
  ['clientId', 5],
  ['connectRetry', 'yes'],
  ['connectRetry', 5],
  ['registerTimeoutMs', 'soon'],
  ['registerTimeoutMs', -1],
  ['expectServerUid', 'root'],
];

const WRONG_RETRY: [string, unknown][] = [
  ['enabled', 'yes'],
  ['initialDelay', 'short'],
  ['initialDelay', -1],
  ['maxDelay', 'long'],
  ['maxAttempts', 'some'],
  ['maxAttempts', -1],
  ['totalTimeout', 'never'],
  ['totalTimeout', -1],
];

const shown = (value: unknown) => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value) ?? String(value));

function refuses(t: any, construct: () => unknown, option: string) {
  const error: any = t.throws(construct);
  t.true(error instanceof TypeError || error instanceof RangeError, `${error?.name}: ${error?.message}`);
  t.true(error.message.includes(option), `'${error.message}' does not name ${option}`);
}

for (const [option, value] of [...WRONG_EVERYWHERE, ...WRONG_SERVER]) {
  test(`createServer refuses ${option}: ${shown(value)}`, (t) => {
    refuses(t, () => SmartIpc.createServer({ ...base, [option]: value }), option);
  });
}

for (const [option, value] of [...WRONG_EVERYWHERE, ...WRONG_CLIENT]) {
  test(`createClient refuses ${option}: ${shown(value)}`, (t) => {
    refuses(t, () => SmartIpc.createClient({ ...base, [option]: value }), option);
  });
}

for (const [option, value] of WRONG_RETRY) {
  test(`createClient refuses connectRetry.${option}: ${shown(value)}`, (t) => {
    refuses(t, () => SmartIpc.createClient({ ...base, connectRetry: { enabled: true, [option]: value } }), `connectRetry.${option}`);
  });
}

test('options that are no object are a TypeError', (t) => {
  for (const options of [undefined, null, 'choosy', 5] as any[]) {
    t.throws(() => SmartIpc.createServer(options), { instanceOf: TypeError }, String(options));
    t.throws(() => SmartIpc.createClient(options), { instanceOf: TypeError }, String(options));
  }
});

test('encryption over TCP without tls is refused, never ignored', (t) => {
  const options = { id: 'choosy', host: '127.0.0.1', port: 9, encryption: true };
  for (const construct of [() => SmartIpc.createServer(options), () => SmartIpc.createClient(options)]) {
    const error: any = t.throws(construct);
    t.true(error instanceof TypeError || error instanceof RangeError);
    t.regex(error.message, /encryption|tls/);
  }
});

test('an option that is undefined counts as not given', (t) => {
  const names = [...WRONG_EVERYWHERE, ...WRONG_SERVER, ...WRONG_CLIENT].map(([option]) => option);
  const nothing = Object.fromEntries(names.map((option) => [option, undefined]));

  t.notThrows(() => SmartIpc.createServer({ ...nothing, ...base }));
  t.notThrows(() => SmartIpc.createClient({ ...nothing, ...base }));
});

test('an endpoint may carry properties of its user', (t) => {
  t.notThrows(() => SmartIpc.createServer({ ...base, comment: 'not an option' }));
  t.notThrows(() => SmartIpc.createClient({ ...base, comment: 'not an option' }));
});

test('Infinity is a number of reconnect attempts', (t) => {
  t.notThrows(() => SmartIpc.createClient({ ...base, maxReconnectAttempts: Infinity }));
});

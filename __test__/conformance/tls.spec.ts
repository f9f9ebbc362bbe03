import net from 'net';
import path from 'path';
import { Readable } from 'stream';
import tls from 'tls';
import test from 'ava';
import { SmartIpc } from '@push.rocks/smartipc';
import { ca, certificateFile, own } from '../support/certificates.mjs';
import { RawPeer } from '../support/raw-peer.mjs';
import { closeAfter, failure, freePort, once, startChild, tempDir, within } from '../support/helpers.cjs';

const trusting = { ca };
const strict = { ...own('server'), ca, requestCert: true };

async function serve(t: any, given: any) {
  const port = await freePort();
  const server = closeAfter(t, SmartIpc.createServer({ id: 'tls', port, tls: given }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  return { server, port };
}

function connectTo(t: any, port: number, given: any, options: any = {}) {
  return closeAfter(t, SmartIpc.createClient({ id: 'tls', port, tls: given, ...options }));
}

/** The reasons for which a server has closed connections, once there are some. */
async function closeReasons(server: any) {
  for (;;) {
    const reasons = Object.keys(server.getStats().metrics.closeReasons);
    if (reasons.length > 0) return reasons;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Both sides say why nobody gets in. */
async function refused(t: any, serverTls: any, clientTls: any, reason: string) {
  const { server, port } = await serve(t, serverTls);
  const client = connectTo(t, port, clientTls);
  const begun = Date.now();
  const error = await failure(() => client.connect());
  t.is(error.code, `IPC_ERR_${reason.toUpperCase()}`, error.message);
  t.is(error.origin, 'io');
  t.regex(error.message, /^Failed to register: /);
  t.deepEqual(await within(closeReasons(server), 'a closed connection'), [reason]);
  t.true(Date.now() - begun < 4000, 'not before the time of the handshake is up');
  t.deepEqual(server.getClientIds(), []);
  t.log(`close reason: ${reason}`);
}

test('requests, topics, files and streams pass through TLS', async (t) => {
  const { server, port } = await serve(t, own('server'));
  const received: Promise<any> = new Promise((resolve) =>
    server.on('stream', async (info, readable) => {
      const file = path.join(tempDir(t), 'file');
      await SmartIpc.pipeStreamToFile(readable, file);
      resolve({ ...info.meta, file });
    }),
  );
  const client = connectTo(t, port, trusting, { host: 'localhost' });
  await client.connect();
  const large = 'ö'.repeat(3 * 1024 * 1024);
  t.is(await client.request('echo', large), large);
  t.deepEqual(await Promise.all(Array.from({ length: 200 }, (_, at) => client.request('echo', at))), Array.from({ length: 200 }, (_, at) => at));
  const heard = new Promise((resolve) => client.subscribe('news.*', resolve).then(() => server.publish('news.today', { sun: true })));
  t.deepEqual(await heard, { sun: true });
  await client.sendFile(certificateFile('server'));
  t.is((await received).basename, 'server.pem');
  t.is(server.getStats().driver, 'tokio');
  t.is(client.getStats().driver, 'tokio');
  t.deepEqual(server.getClientInfo(client.clientId)?.peer, { pid: null, uid: null, gid: null });
});

test('64 MiB pass through TLS, slower than they are sent', async (t) => {
  const { server, port } = await serve(t, own('server'));
  let bytes = 0;
  server.on('stream', (_info, readable) => readable.on('data', (chunk) => (bytes += chunk.length)));
  const client = connectTo(t, port, trusting);
  const chunk = Buffer.alloc(1024 * 1024, 7);
  await client.sendStream(Readable.from(Array.from({ length: 64 }, () => chunk)));
  t.is(bytes, 64 * chunk.length);
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a plain socket of Node with ${version} is served`, async (t) => {
    const { port } = await serve(t, strict);
    const socket = tls.connect({ port, ca, servername: 'service.test', minVersion: version, maxVersion: version, ...own('client') });
    await once(socket, 'secureConnect');
    const peer = new RawPeer(socket);
    await peer.register({ clientId: 'other' });
    t.is(await peer.request('echo', 'hello'), 'hello');
    const closed = once(socket, 'end');
    peer.socket.end();
    await closed;
  });
}

test('C4: TLS older than 1.2 is refused', async (t) => {
  const { server, port } = await serve(t, own('server'));
  const socket = tls.connect({ port, ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' });
  await once(socket, 'error');
  t.deepEqual(await within(closeReasons(server), 'a closed connection'), ['tls_failed']);
});

test('C4: a certificate of the authority gets in', async (t) => {
  const { port } = await serve(t, strict);
  const client = connectTo(t, port, { ...own('client'), ca });
  await client.connect();
  t.is(await client.request('echo', 1), 1);
});

test('C4: a client without TLS is refused', (t) => refused(t, own('server'), undefined, 'tls_mismatch'));

test('C4: an authority that is not ours is refused', (t) => refused(t, own('stranger'), trusting, 'tls_untrusted'));

test('C4: without ca those of Node are trusted, and no others', (t) => refused(t, own('server'), {}, 'tls_untrusted'));

test('C4: a certificate for another name is refused', (t) =>
  refused(t, own('server'), { ca, servername: 'elsewhere.test' }, 'tls_untrusted'));

test('C4: an expired certificate is refused', (t) => refused(t, own('expired'), trusting, 'tls_expired'));

test('C4: a client without a certificate is refused', (t) => refused(t, strict, trusting, 'tls_certificate_required'));

test("C4: a stranger's certificate is refused", (t) => refused(t, strict, { ...own('stranger'), ca }, 'tls_untrusted'));

test("C4: a client's expired certificate is refused", (t) => refused(t, strict, { ...own('expired'), ca }, 'tls_expired'));

test('C4: a handshake that stalls is ended within 5 s, on either side', async (t) => {
  const { server, port } = await serve(t, own('server'));
  const silent = net.connect({ port });
  t.teardown(() => silent.destroy());
  const begun = Date.now();
  const ended = once(silent.resume(), 'close', { timeout: 8000 });

  const listener = net.createServer((socket) => void socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
  t.teardown(() => new Promise<void>((resolve) => void listener.close(() => resolve())));
  await once(listener, 'listening');
  const client = connectTo(t, (listener.address() as net.AddressInfo).port, trusting);
  const error = await failure(() => client.connect());
  t.is(error.code, 'IPC_ERR_TLS_TIMEOUT');

  await ended;
  t.true(Date.now() - begun < 6500, `${Date.now() - begun} ms`);
  t.deepEqual(Object.keys(server.getStats().metrics.closeReasons), ['tls_timeout']);
});

test('C4: 100 connections that stall leave those who speak room', async (t) => {
  const { port } = await serve(t, own('server'));
  const stalled = Array.from({ length: 100 }, () => net.connect({ port }).on('error', () => {}));
  t.teardown(() => stalled.forEach((socket) => socket.destroy()));
  await Promise.all(stalled.map((socket) => once(socket, 'connect')));
  const client = connectTo(t, port, trusting);
  await client.connect();
  t.is(await client.request('echo', 1), 1);
});

test('certificates may be given as paths and Buffers, and one object to both ends', async (t) => {
  const given = {
    cert: certificateFile('server'),
    key: Buffer.from(own('server').key),
    ca: [Buffer.from(ca)],
    requestCert: true,
    servername: 'service.test',
    rejectUnauthorized: true as const,
  };
  const { port } = await serve(t, given);
  const client = connectTo(t, port, given, { encryption: true });
  await client.connect();
  t.is(await client.request('echo', 1), 1);
});

test('waitForServer, spawnAndConnect and channels know TLS', async (t) => {
  const { port } = await serve(t, own('server'));
  await SmartIpc.waitForServer({ port, tls: trusting });
  // Without a certificate to look at it is a server all the same.
  await SmartIpc.waitForServer({ port });

  const both = { ...own('server'), ca };
  const options = { id: 'tls', port: await freePort(), tls: both };
  const [one, other] = [SmartIpc.createChannel(options), SmartIpc.createChannel(options)].map((end) => closeAfter(t, end));
  other.on('double', (number: any) => 2 * number);
  await Promise.all([one.connect(), other.connect()]);
  t.is(await one.request('double', 21), 42);
});

const WRONG: [string, any, any, RegExp][] = [
  ['a server without a certificate', 'createServer', {}, /^tls\.cert and tls\.key are needed by a server/],
  ['a certificate without its key', 'createServer', { cert: own('server').cert }, /^tls\.cert needs tls\.key/],
  ['a key of another certificate', 'createServer', { cert: own('server').cert, key: own('client').key }, /^tls\.key is not the key of tls\.cert/],
  ['a PEM text without a certificate', 'createClient', { ca: own('server').key }, /^tls\.ca holds no certificate/],
  ['requestCert without ca', 'createServer', { ...own('server'), requestCert: true }, /^tls\.requestCert needs tls\.ca/],
  ['a number as ca', 'createClient', { ca: 5 }, /^tls\.ca must be a PEM text, a Buffer or a path, not 5/],
  ['a name that is none', 'createClient', { ca, servername: 'not a name' }, /^tls\.servername: 'not a name' is no host name/],
  ['checks turned off', 'createClient', { ca, rejectUnauthorized: false }, /^tls\.rejectUnauthorized can only be true/],
];

for (const [what, make, given, text] of WRONG) {
  test(`${what} is a TypeError of the constructor`, (t) => {
    const error: any = t.throws(() => (SmartIpc as any)[make]({ id: 'tls', port: 1, tls: given }));
    t.true(error instanceof TypeError, String(error));
    t.regex(error.message, text);
  });
}

test('a file that cannot be read keeps its errno', (t) => {
  const error: any = t.throws(() => SmartIpc.createClient({ id: 'tls', port: 1, tls: { ca: '/nowhere/ca.pem' } }));
  t.is(error.code, 'ENOENT');
  t.regex(error.message, /^Cannot read tls\.ca: /);
});

test('tls with a socket path is refused', (t) => {
  t.throws(() => SmartIpc.createClient({ id: 'tls', socketPath: '/tmp/x.sock', tls: trusting }), { instanceOf: TypeError, message: /^tls is for TCP/ });
});

test('plain text beyond this machine is warned of once; TLS and loopback are not', async (t) => {
  const child = startChild(t, 'plain-text');
  t.deepEqual((await child.report('warnings')).warnings, []);
  const { warnings } = await child.report('warnings');
  t.is(warnings.length, 1);
  t.is(warnings[0].code, 'IPC_WARN_PLAIN_TEXT');
  t.regex(warnings[0].message, /0\.0\.0\.0.*unencrypted/);
});

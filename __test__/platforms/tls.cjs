'use strict';

// TLS on every platform: its ciphers are written in the assembler of each, and Node's own
// TLS is the other side in some of the cases. Run by scripts/platforms/run.js. The syntax
// stays that of Node 14.

const assert = require('assert');
const fs = require('fs');
const net = require('net');
const path = require('path');
const { Readable } = require('stream');
const tls = require('tls');

const { SmartIpc } = require('@push.rocks/smartipc');
const { failure, once, recorder, run, test } = require('../runtimes/runner.cjs');

const MIB = 1024 * 1024;

const pem = (name) => fs.readFileSync(path.join(__dirname, '../fixtures/tls', `${name}.pem`), 'utf8');
const own = (name) => ({ cert: pem(name), key: pem(`${name}-key`) });
const ca = pem('ca');
/** Both sides show a certificate. */
const strict = Object.assign({ ca, requestCert: true }, own('server'));
const known = Object.assign({ ca }, own('client'));

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function serve(t) {
  const port = await freePort();
  const server = t.close(SmartIpc.createServer({ id: 'tls', port, tls: strict }));
  server.onMessage('echo', (payload) => payload);
  await server.start();
  return { server, port };
}

function connectTo(t, port, given) {
  return t.close(SmartIpc.createClient({ id: 'tls', port, tls: given }));
}

test('requests and topics pass through TLS', async (t) => {
  const { server, port } = await serve(t);
  const client = connectTo(t, port, known);
  await client.connect();
  const large = 'ö'.repeat(MIB);
  assert.strictEqual(await client.request('echo', large), large);
  const all = Array.from({ length: 50 }, (_, at) => at);
  assert.deepStrictEqual(await Promise.all(all.map((at) => client.request('echo', at))), all);
  const heard = recorder();
  await client.subscribe('news.*', (payload) => heard(payload));
  await server.publish('news.today', { sun: true });
  assert.deepStrictEqual(await heard.until(1), [[{ sun: true }]]);
});

test('a stream passes through TLS', async (t) => {
  const { server, port } = await serve(t);
  const client = connectTo(t, port, known);
  await client.connect();
  let bytes = 0;
  server.on('stream', (_info, readable) => readable.on('data', (chunk) => (bytes += chunk.length)));
  const chunk = Buffer.alloc(MIB, 7);
  await client.sendStream(Readable.from(Array.from({ length: 8 }, () => chunk)));
  assert.strictEqual(bytes, 8 * MIB);
});

test('who trusts another authority, or has no certificate, is not connected', async (t) => {
  const { server, port } = await serve(t);
  const untrusting = connectTo(t, port, Object.assign({}, known, { ca: pem('other-ca') }));
  assert.strictEqual((await failure(untrusting.connect())).code, 'IPC_ERR_TLS_UNTRUSTED');
  const nobody = connectTo(t, port, { ca });
  assert.strictEqual((await failure(nobody.connect())).code, 'IPC_ERR_TLS_CERTIFICATE_REQUIRED');
  assert.deepStrictEqual(server.getClientIds(), []);
});

for (const [version, ciphers] of [
  ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLSv1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
  ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
  ['TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256'],
]) {
  test(`Node's own ${version} is served with ${ciphers}`, async (t) => {
    const { port } = await serve(t);
    const to = { port, host: '127.0.0.1', servername: 'service.test' };
    const socket = tls.connect(Object.assign(to, known, { minVersion: version, maxVersion: version, ciphers }));
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    assert.strictEqual(socket.getProtocol(), version);
    assert.strictEqual(socket.getCipher().name, ciphers);
  });
}

run();

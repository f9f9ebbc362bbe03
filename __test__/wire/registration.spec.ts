import test from 'ava';
import { failure, once, recorder } from '../support/helpers.cjs';
import { ofType } from '../support/raw-peer.mjs';
import { wireServer } from '../support/wire.mjs';

const PROTOCOL = { version: 1, maxMessageSize: 8388608, windowMessages: 1024, windowBytes: 8388608 };

test('a client in another language is let in', async (t) => {
  const wire = await wireServer(t);
  const arrived = once(wire.server, 'clientConnect', { where: (id) => id === 'raw' });
  const peer = await wire.raw();
  await peer.send({ type: '__register__', id: 'first', payload: { clientId: 'raw', metadata: { lang: 'python' } } });
  const answer = await peer.expectFrame(ofType('__register___response'));

  t.is(answer.correlationId, 'first');
  t.is(answer.payload.success, true);
  t.is(answer.payload.clientId, 'raw');
  t.is(answer.payload.role, 'server');
  t.is(answer.payload.protocol.version, 1);
  t.is(answer.payload.protocol.maxMessageSize, 8388608);
  t.true(answer.payload.protocol.features.includes('binary'));
  t.deepEqual((await arrived).slice(0, 2), ['raw', { lang: 'python' }]);
  t.is(await peer.request('echo', 'JSON it is'), 'JSON it is');
  await wire.unharmed();
});

test('P5: without a name the server chooses one [server, json]', async (t) => {
  const wire = await wireServer(t);
  const told = recorder();
  wire.server.on('clientConnect', told);
  const peers = await Promise.all([wire.raw(), wire.raw()]);
  const ids = await Promise.all(peers.map(async (peer) => (await peer.register({})).clientId));

  await told.until(2);
  t.is(new Set(ids).size, 2);
  for (const id of ids) {
    t.is(typeof id, 'string');
    t.not(id, '');
    t.true(wire.server.getClientIds().includes(id));
  }
});

test('who has been let in is known to the server', async (t) => {
  const wire = await wireServer(t);
  for (let round = 0; round < 20; round++) {
    const peer = await wire.raw();
    await peer.register({ clientId: `known-${round}` });
    await wire.server.sendToClient(`known-${round}`, 'welcome', round);
    t.is((await peer.expectFrame(ofType('welcome'))).payload, round);
  }
});

test('what follows the registration at once is served after it', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.raw();
  peer.send({ type: '__register__', id: 'r', payload: { clientId: 'hasty' } });
  peer.sendMessage('note', 'one-way');
  t.is(await peer.request('echo', 'and a request'), 'and a request');
  t.deepEqual(await wire.calls.until(1), [['one-way', 'hasty']]);
});

test('a token has to be right', async (t) => {
  const wire = await wireServer(t, { server: { authToken: 'open sesame' }, witness: { authToken: 'open sesame' } });
  let refused = 0;
  for (const registration of [{ clientId: 'a' }, { clientId: 'b', token: 'open barley' }, { clientId: 'c', token: '' }]) {
    const peer = await wire.raw();
    const { success, reason, error } = await peer.register(registration);
    t.false(success);
    t.is(reason, 'unauthorized');
    t.false(error.includes('sesame'));
    await peer.closed({ what: 'a connection with a wrong token' });
    await wire.untilCloses('unauthorized', ++refused);
  }
  const good = await wire.client({ token: 'open sesame' });
  t.is(await good.request('echo', 1), 1);
  await wire.unharmed();
});

test('P5: a name of 256 bytes is fine [server, json]', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client({ clientId: 'ü'.repeat(128) });
  t.is(await peer.request('echo', 1), 1);
  t.true(wire.server.getClientIds().includes('ü'.repeat(128)));
});

test('P4: an owner that answers no ping is replaced [server, json]', async (t) => {
  const wire = await wireServer(t);
  const mute = await wire.client({}, { beats: false });
  const left = wire.leaving();
  const second = await wire.client();

  t.is(await left, 'replaced');
  t.is((await mute.expectFrame(ofType('__goaway__'))).payload.reason, 'replaced');
  await mute.closed();
  t.is(await second.request('echo', 1), 1);
  await wire.unharmed();
});

test('P4: the resume token replaces at once, once [server, json]', async (t) => {
  const wire = await wireServer(t);
  const first = await wire.raw();
  const { resume } = await first.register({ clientId: 'raw' });
  t.is(typeof resume, 'string');
  const second = await wire.raw();
  const welcome = await second.register({ clientId: 'raw', resume });
  t.true(welcome.success);
  await first.closed();

  t.not(welcome.resume, resume);
  const late = await wire.raw();
  t.is((await late.register({ clientId: 'raw', resume })).reason, 'duplicate_client_id');
  const wrongName = await wire.raw();
  t.is((await wrongName.register({ clientId: 'witness', resume: welcome.resume })).reason, 'duplicate_client_id');
  await wire.unharmed();
});

test('a probe appears in no event and no count', async (t) => {
  const wire = await wireServer(t);
  const events = recorder();
  wire.server.on('clientConnect', events);
  wire.server.on('clientDisconnect', events);
  const before = wire.server.getStats();
  for (let round = 0; round < 5; round++) {
    const peer = await wire.raw();
    t.true((await peer.register({ probe: true })).success);
    peer.halfClose();
    await peer.closed();
  }
  // A real client after them: what they caused would have been told by now.
  const real = await wire.client();
  await real.request('echo', 1);

  t.deepEqual(events.calls.map(([id]) => id), ['raw']);
  const after = wire.server.getStats();
  t.is(after.totalConnections, before.totalConnections + 1);
  t.deepEqual(after.metrics.closeReasons, before.metrics.closeReasons);
  await wire.unharmed();
});

test('topics of the registration are subscribed', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client({ topics: ['user.*', 'news'] });
  await wire.server.publish('user.login', 'ada');
  await wire.server.publish('news', 'none');

  t.is((await peer.expectFrame(ofType('topic:user.login'))).payload, 'ada');
  t.is((await peer.expectFrame(ofType('topic:news'))).payload, 'none');
});

test('topics that cannot be subscribed refuse the registration', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.raw();
  const { success, reason } = await peer.register({ clientId: 'raw', topics: ['fine', ''] });
  t.false(success);
  t.is(reason, 'refused');
  await peer.closed();
  await wire.unharmed();
});

test('a version that is none is incompatible', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.raw();
  const { success, reason } = await peer.register({ clientId: 'raw', protocol: { ...PROTOCOL, version: 0 } });
  t.false(success);
  t.is(reason, 'incompatible');
  await peer.closed();

  const future = await wire.client({ clientId: 'future', protocol: { ...PROTOCOL, version: 99, colour: 'blue' } });
  t.is(await future.request('echo', 1), 1);
  await wire.unharmed();
});

test('nothing longer is sent than the client takes', async (t) => {
  const wire = await wireServer(t);
  const peer = await wire.client({ protocol: { ...PROTOCOL, maxMessageSize: 2000 } });
  const error = await failure(() => wire.server.sendToClient('raw', 'long', 'x'.repeat(2000)));
  t.is(error.code, 'IPC_ERR_MESSAGE_TOO_LARGE');
  t.regex(error.message, /^Message size \d+ exceeds maximum 2000$/);

  await wire.server.sendToClient('raw', 'short', 'x'.repeat(1000));
  t.is((await peer.expectFrame(ofType('short'))).payload.length, 1000);
  const tooLong = await failure(() => peer.request('echo', 'y'.repeat(1950)));
  t.is(tooLong.code, 'IPC_ERR_MESSAGE_TOO_LARGE');
});

test('one client too many is told so', async (t) => {
  const wire = await wireServer(t, { server: { maxClients: 2 } });
  const second = await wire.client();
  const third = await wire.raw();
  const { success, reason } = await third.register({ clientId: 'third' });
  t.false(success);
  t.is(reason, 'max_connections');
  await third.closed();

  const left = wire.leaving();
  second.destroy();
  await left;
  t.true((await (await wire.raw()).register({ clientId: 'third' })).success);
  await wire.unharmed();
});

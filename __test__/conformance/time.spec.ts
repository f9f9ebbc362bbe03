// Peers that take their time.

import { caseTest, closedWith } from '../support/conformance.mjs';
import { once } from '../support/helpers.cjs';
import { prefix } from '../support/raw-peer.mjs';
import { subject, WAYS } from '../support/subject.mjs';
import { wireServer } from '../support/wire.mjs';

/** Milliseconds since the last call. */
function stopwatch() {
  let since = process.hrtime.bigint();
  return () => {
    const now = process.hrtime.bigint();
    const passed = Number(now - since) / 1e6;
    since = now;
    return passed;
  };
}

for (const way of WAYS.filter(({ role }) => role === 'server')) {
  caseTest('F15', 'half a frame is closed after frameTimeout', async (t) => {
    const one = await subject(t, way, { frameTimeout: 500 });
    const frame = one.talker.bytes({ kind: 'MESSAGE', type: 'note', body: { payload: 'never complete' } });
    const left = one.left();
    const passed = stopwatch();
    await one.talker.write(frame.subarray(0, 9));
    // One byte more is no reason to wait longer.
    const more = setTimeout(() => one.talker.write(frame.subarray(9, 10)), 250);
    t.teardown(() => clearTimeout(more));
    t.is(await left, 'frame_timeout');
    const time = passed();
    t.true(time >= 490 && time < 1500, `${time} ms`);
    await one.talker.closed();
    t.deepEqual(one.notes.calls, []);
    closedWith(t, 'frame_timeout');
    await one.unharmed();
  }, way);

  caseTest('F15', 'a frame that comes slowly and completely is delivered, and idling between frames is fine', async (t) => {
    const one = await subject(t, way, { frameTimeout: 500 });
    for (let round = 0; round < 4; round++) {
      const frame = one.talker.bytes({ kind: 'MESSAGE', type: 'note', body: { payload: round } });
      await one.talker.write(frame.subarray(0, 9));
      await new Promise((resolve) => setTimeout(resolve, 200));
      await one.talker.write(frame.subarray(9));
      await one.notes.until(round + 1);
    }
    await one.works();
  }, way);
}

caseTest('P2', 'who says nothing is closed after handshakeTimeout', async (t) => {
  const wire = await wireServer(t, { server: { handshakeTimeout: 500 } });
  const passed = stopwatch();
  const silent = await Promise.all(Array.from({ length: 20 }, () => wire.raw()));
  await silent[0].write(prefix(100));
  const counted = wire.untilCloses('handshake_timeout', 20);
  const closes = await Promise.all(silent.map((peer) => peer.closed({ what: 'a silent connection' })));
  const time = passed();
  t.true(time >= 490 && time < 1500, `${time} ms`);
  t.deepEqual(closes.map(({ bytesReceived }) => bytesReceived), Array(20).fill(0));
  await counted;
  closedWith(t, 'handshake_timeout');
  await wire.unharmed();
}, { role: 'server', profile: 'json' });

caseTest('P2', '100 silent peers hold nobody up', async (t) => {
  const wire = await wireServer(t);
  const silent = await Promise.all(Array.from({ length: 100 }, () => wire.raw()));
  // 64 may be unregistered at a time; the oldest go once they have had a second.
  await wire.untilCloses('handshake_timeout', 36);
  const times = [];
  for (let round = 0; round < 10; round++) {
    const passed = stopwatch();
    const client = await wire.native({ clientId: `real-${round}` });
    times.push(passed());
    t.is(await client.request('echo', round), round);
  }
  times.sort((a, b) => a - b);
  t.log(`connected within ${times.map((time) => time.toFixed(1)).join(', ')} ms`);
  t.true(times[9] < 200, `${times[9]} ms`);
  t.true(silent.filter((peer) => !peer.isClosed).length >= 50, 'no more of them have gone than had to');
  closedWith(t, 'handshake_timeout');
  await wire.unharmed();
}, { role: 'server', profile: 'json' });

caseTest('P2', 'a flood of connections never refuses the newest', async (t) => {
  const wire = await wireServer(t);
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 64 }, () => wire.raw()));
    // The house is full of strangers who have not had their second: this one waits in the
    // kernel's queue, behind them.
    const told = once(wire.server, 'clientConnect', { where: (id) => id === `newest-${round}` });
    const newest = await wire.raw();
    const { success } = await newest.register({ clientId: `newest-${round}` });
    t.true(success);
    await told;
  }
  await wire.unharmed();
}, { role: 'server', profile: 'json' });

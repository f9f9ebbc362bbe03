import fs from 'fs';
import path from 'path';
import test from 'ava';
import { rounds } from '../support/children/measure.cjs';
import { newBus } from '../support/bus.mjs';
import { tempSocket } from '../support/helpers.cjs';

const MEMBERS = 20;
const KILLS = rounds('HOST_KILLS', 4);
/** Who publishes in a round, and how many numbers each. */
const PUBLISHERS = 5;
const NUMBERS = 20;

/** Everybody hears every number that is published now, once and in order. */
async function everybodyHears(t: any, members: any[], round: number) {
  const heard = members.map((member) => member.numbers().length);
  const expected: number[] = [];
  for (const [index, member] of members.slice(0, PUBLISHERS).entries()) {
    // The last one comes in order too, so after it nothing can follow.
    const numbers = Array.from({ length: NUMBERS }, (_, at) => round * 1_000_000 + index * 1_000 + at);
    expected.push(...numbers);
    member.order('publish', { numbers });
  }
  for (const [index, member] of members.entries()) {
    const before = heard[index] ?? 0;
    await member.until(`${expected.length} numbers`, () => member.numbers().length >= before + expected.length);
    const numbers = member.numbers().slice(before);
    const sorted = [...numbers].sort((one, other) => one - other);
    t.deepEqual(sorted, expected, `process ${member.pid} missed something, or heard it twice`);
    for (let from = 0; from < PUBLISHERS; from++) {
      const ofOne = numbers.filter((number: number) => Math.floor((number % 1_000_000) / 1_000) === from);
      t.deepEqual(ofOne, [...ofOne].sort((one, other) => one - other), 'out of order');
    }
  }
}

test(`${MEMBERS} processes elect one host, and another when it is killed, ${KILLS} times`, async (t) => {
  const socketPath = tempSocket(t);
  const bus = await newBus(t, socketPath);
  let members: any[] = await Promise.all(Array.from({ length: MEMBERS }, () => bus.member()));

  for (const member of members) member.order('connect');
  await Promise.all(members.map((member) => member.until('joining', () => member.count('joined') === 1)));
  const hosts = () => members.filter((member) => member.count('hosting') > 0);
  t.deepEqual(hosts().map(({ pid }) => pid), [bus.host()]);
  await everybodyHears(t, members, 0);

  let slowest = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    const [host] = hosts();
    members = members.filter((member) => member !== host);
    const connects = members.map((member) => member.count('connect'));
    await host.kill();
    const killed = Date.now();
    await Promise.all(
      members.map((member, index) => member.until('reconnect', () => member.count('connect') === connects[index]! + 1)),
    );
    slowest = Math.max(slowest, Date.now() - killed);
    t.deepEqual(hosts().map(({ pid }) => pid), [bus.host()]);

    const newcomer = await bus.member();
    newcomer.order('connect');
    await newcomer.until('joining', () => newcomer.count('joined') === 1);
    members.push(newcomer);
    await everybodyHears(t, members, kill);
    // Nobody has moved meanwhile.
    t.deepEqual(hosts().map(({ pid }) => pid), [bus.host()]);
  }
  t.log(`${KILLS} hosts killed; all connected again within ${slowest} ms`);
  t.deepEqual(fs.readdirSync(path.dirname(socketPath)).sort(), ['test.sock', 'test.sock.lock']);
});

// Another machine, on a wire that can be cut, and made slow where the kernel can do that.

import { spawnSync } from 'child_process';

let made = 0;

/** Runs a command; what it says if it fails. */
function run(line) {
  const [command, ...args] = line.split(' ');
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? undefined : String(error || stderr);
}

/** Runs commands up to the first that fails. */
function all(lines) {
  for (const line of lines) {
    const wrong = run(line);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function must(line) {
  const wrong = run(line);
  if (wrong !== undefined) throw new Error(`${line}: ${wrong}`);
}

/**
 * A machine that reaches this one at `host`; undefined where that can't be had. Between
 * them is a bridge in a network of its own: whoever leaves it goes dead without a word.
 *
 * @param {import('ava').ExecutionContext<any>} t
 */
export function otherMachine(t) {
  const name = `t${process.pid % 100000}x${++made}`;
  const net = `10.213.${(process.pid + made) % 250}`;
  const [there, wire, near] = [`${name}t`, `${name}w`, `${name}n`];
  t.teardown(() => [`ip netns del ${there}`, `ip netns del ${wire}`, `ip link del ${near}`].forEach(run));
  const failed = all([
    `ip netns add ${there}`,
    `ip netns add ${wire}`,
    `ip -n ${wire} link add bridge type bridge`,
    `ip link add ${near} type veth peer name left netns ${wire}`,
    `ip -n ${there} link add far type veth peer name right netns ${wire}`,
    ...['left', 'right'].map((end) => `ip -n ${wire} link set ${end} master bridge up`),
    `ip -n ${wire} link set bridge up`,
    `ip addr add ${net}.1/24 dev ${near}`,
    `ip link set ${near} up`,
    `ip -n ${there} addr add ${net}.2/24 dev far`,
    `ip -n ${there} link set far up`,
  ]);
  if (failed !== undefined) {
    t.log(failed);
    return undefined;
  }
  return {
    host: `${net}.1`,
    /** The command that runs a program there. */
    command: ['ip', 'netns', 'exec', there],
    cut: () => must(`ip -n ${wire} link set right nomaster`),
    mend: () => must(`ip -n ${wire} link set right master bridge`),
    /** Delays and loses packets, in either direction; whether that can be had. */
    disturb: (delay, loss) =>
      all(['left', 'right'].map((end) => `tc -n ${wire} qdisc add dev ${end} root netem delay ${delay} loss ${loss}`)) === undefined,
  };
}

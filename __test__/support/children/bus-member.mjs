// A member of a bus that no server runs: config { control, socketPath, options }.
// Takes orders over the control socket, and tells there what it sees.
import net from 'net';
import readline from 'readline';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe } from './report.mjs';

const control = net.connect(config.control);
const tell = (event, details = {}) => control.write(`${JSON.stringify({ event, pid: process.pid, ...details })}\n`);

const client = SmartIpc.createClient({ id: 'bus', socketPath: config.socketPath, ...config.options });
client.on('connect', () => tell('connect'));
client.on('disconnect', (reason) => tell('disconnect', { reason }));
client.on('hosting', () => tell('hosting'));

const orders = {
  async connect() {
    await client.connect();
    await client.subscribe('numbers', (number) => tell('number', { number }));
    tell('joined');
  },
  async publish({ numbers }) {
    for (const number of numbers) await client.publish('numbers', number);
  },
  async ask({ type }) {
    const answer = await client.request(type, {}).catch(describe);
    tell('answer', { answer });
  },
  compute({ millis }) {
    tell('computing');
    // The line must leave before the thread is taken.
    setImmediate(() => {
      const until = Date.now() + millis;
      while (Date.now() < until);
      tell('computed');
    });
  },
  async leave() {
    await client.disconnect();
    tell('left');
  },
  exit() {
    process.exit(0);
  },
};

tell('here');
for await (const line of readline.createInterface({ input: control })) {
  const order = JSON.parse(line);
  await Promise.resolve(orders[order.do](order)).catch((error) => tell('failed', describe(error)));
}

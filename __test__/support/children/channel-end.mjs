// One end of a channel: config { control, socketPath, options }. Takes orders
// over the control socket, and tells there what it sees.
import net from 'net';
import readline from 'readline';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe } from './report.mjs';

const control = net.connect(config.control);
const tell = (event, details = {}) => control.write(`${JSON.stringify({ event, pid: process.pid, ...details })}\n`);

const channel = SmartIpc.createChannel({ id: 'pair', socketPath: config.socketPath, ...config.options });
for (const event of ['ready', 'hosting', 'connect', 'disconnect', 'reconnecting']) channel.on(event, () => tell(event));
channel.on('whoami', () => process.pid);
channel.on('end', () => void channel.disconnect());
channel.on('note', (payload) => tell('note', { payload }));

const orders = {
  async connect() {
    await channel.connect();
    tell('opened');
  },
  async ask({ type }) {
    tell('answer', { answer: await channel.request(type, {}).catch(describe) });
  },
  async send({ payloads }) {
    for (const payload of payloads) await channel.sendMessage('note', payload);
  },
  // Afterwards only the open channel can keep the process alive.
  unref() {
    channel.unref();
    control.end();
  },
  ref() {
    channel.unref().ref();
    control.end();
  },
  // Afterwards nothing may keep the process alive.
  async leave() {
    await channel.disconnect();
    tell('left');
    control.end();
  },
};

tell('here');
for await (const line of readline.createInterface({ input: control })) {
  const order = JSON.parse(line);
  Promise.resolve(orders[order.do](order)).catch((error) => tell('failed', describe(error)));
}

// Takes messages in handlers that last until the gate is opened over a second
// connection: config { role: 'server' | 'client', socketPath, gatePath, expected }.
// Role 'server' receives from its clients, role 'client' from its server.
import { SmartIpc } from '@push.rocks/smartipc';
import { config, report } from './report.mjs';

const { role, socketPath, gatePath, expected } = config;
const endpoint =
  role === 'server'
    ? SmartIpc.createServer({ id: 'gated', socketPath })
    : SmartIpc.createClient({ id: 'gated', socketPath, clientId: 'receiver' });
const gate = SmartIpc.createServer({ id: 'gate', socketPath: gatePath });

let open = false;
let running = 0;
let most = 0;
let handled = 0;
let inOrder = true;
let next = 0;
let waiting = [];

endpoint.onMessage('load', async ({ index }) => {
  inOrder = inOrder && index === next++;
  most = Math.max(most, ++running);
  if (!open) await new Promise((resolve) => waiting.push(resolve));
  // Slow all the same.
  else await new Promise((resolve) => setTimeout(resolve, 1));
  running--;
  if (++handled === expected) report('handled', { handled, most, inOrder });
});

endpoint.onMessage('passed', () => 'everything before');
gate.onMessage('state', () => ({ running, most, handled }));
gate.onMessage('open', () => {
  open = true;
  for (const go of waiting.splice(0)) go();
  waiting = [];
});

await gate.start();
await (role === 'server' ? endpoint.start() : endpoint.connect());
report('ready');

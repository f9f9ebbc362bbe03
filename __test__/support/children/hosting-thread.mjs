// Hosts a hub until its thread is ended: workerData { socketPath }.
import { parentPort, workerData } from 'worker_threads';
import { SmartIpc } from '@push.rocks/smartipc';

const client = SmartIpc.createClient({ id: 'bus', socketPath: workerData.socketPath });
client.on('hosting', () => parentPort.postMessage('hosting'));
await client.connect();

// Streams within one process, or as one of two: config { scenario, socketPath }.
import fs from 'fs';
import { SmartIpc } from '@push.rocks/smartipc';
import { config, describe, report } from './report.mjs';

const { socketPath } = config;
const told = (error) => ({ error: describe(error) });

process.on('unhandledRejection', (error) => report('unhandledRejection', told(error)));
const uncaught = [];
process.on('uncaughtException', (error) => {
  uncaught.push(error.message);
  report('uncaught', told(error));
});
process.on('warning', (error) => report('warning', told(error)));

async function pair() {
  const server = SmartIpc.createServer({ id: 'streaming', socketPath });
  const client = SmartIpc.createClient({ id: 'streaming', socketPath });
  await server.start();
  await client.connect();
  return { server, client };
}

const endless = () => fs.createReadStream('/dev/zero');
const turns = async (count) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const scenarios = {
  'listener throws': async () => {
    const { server, client } = await pair();
    server.on('stream', () => {
      throw new Error('the listener is broken');
    });
    await client.sendStream(['x']).catch((error) => report('sender', told(error)));
    await client.disconnect();
    await server.stop();
  },

  'unawaited with listener': () => unawaited(true),
  'unawaited without listener': () => unawaited(false),

  'progress throws': async () => {
    const { server, client } = await pair();
    const fail = (where) => () => {
      throw new Error(where);
    };
    const path = `${socketPath}.saved`;
    let received = 0;
    server.on('stream', async (info, readable) => {
      readable.on('progress', fail('progress listener'));
      if (info.meta === 'save') {
        await SmartIpc.pipeStreamToFile(readable, path, { onProgress: fail('onProgress of pipeStreamToFile') });
      } else for await (const piece of readable) received += piece.length;
    });
    const bytes = Buffer.alloc(300_000);
    await client.sendStream([bytes], { onProgress: fail('onProgress of sendStream') });
    await client.sendStream([bytes], { meta: 'save' });
    await turns(2);
    report('done', { received, saved: fs.statSync(path).size, uncaught });
    await client.disconnect();
    await server.stop();
  },

  // The other process is killed; nobody here listens to errors of anything.
  'bystander': async () => {
    const client = SmartIpc.createClient({ id: 'streaming', socketPath, autoReconnect: false });
    client.on('stream', (info, readable) => {
      if (info.meta === 'read') readable.on('data', () => {});
      report('stream', { of: info.meta });
    });
    client.on('disconnect', (reason) => report('disconnect', { reason }));
    await client.connect();
    // Neither promise is awaited.
    client.sendStream(endless());
    client.sendFile(config.file);
    report('ready');
  },

  // Takes streams and sends one of each kind, until it is killed.
  'victim': async () => {
    const server = SmartIpc.createServer({ id: 'streaming', socketPath });
    server.on('stream', (info, readable) => {
      if (info.meta !== 'leave') readable.resume();
      report('stream', { of: info.meta });
    });
    server.on('clientConnect', (clientId) => {
      server.sendStreamToClient(clientId, endless(), { meta: 'read' });
      server.sendStreamToClient(clientId, endless(), { meta: 'leave' });
    });
    await server.start();
    report('ready');
  },

  // Sends one large stream.
  'sending': async () => {
    const client = SmartIpc.createClient({ id: 'streaming', socketPath, clientOnly: true });
    await client.connect();
    const error = await client.sendStream([Buffer.alloc(config.size)]).then(
      () => undefined,
      (reason) => reason
    );
    report('sent', error === undefined ? {} : told(error));
    await client.disconnect();
  },

  // Ends by itself once it has disconnected, whatever is open.
  'leaving': async () => {
    const client = SmartIpc.createClient({ id: 'streaming', socketPath });
    client.on('stream', () => {});
    client.on('error', () => {});
    await client.connect();
    if (config.finish) {
      await client.sendStream([Buffer.alloc(2_000_000)]);
      await client.disconnect();
    } else {
      const sent = client.sendStream(endless());
      await client.request('opened');
      const begun = process.hrtime.bigint();
      await client.disconnect();
      const error = await sent.catch((reason) => reason);
      report('left', { ...told(error), ms: Number((process.hrtime.bigint() - begun) / 1_000_000n) });
    }
    report('finished');
  },
};

async function unawaited(listening) {
  const { server, client } = await pair();
  const errors = [];
  if (listening) {
    for (const endpoint of [server, client]) endpoint.on('error', (error) => errors.push(error) && report('error', told(error)));
  }
  client.sendStream(['refused: nobody listens']);
  client.sendFile('/nowhere/at/all');
  client.sendStream(5);
  server.sendStreamToClient('nobody', ['x']);
  // A rejection that nobody handles is told after microtasks; the peer's answer takes a round trip.
  await client.request('nobody listens').catch(() => {});
  await turns(20);
  await client.disconnect();
  await server.stop();
}

await scenarios[config.scenario]();

'use strict';

// `@grpc/grpc-js` over a Unix socket or TCP: unary calls for requests, one call that streams
// to the server for messages, one that streams to the client for broadcasts. The payload is a
// protobuf message with a field for each of the object's, not JSON.

const path = require('node:path');

module.exports = {
  title: '`@grpc/grpc-js` over a Unix socket, protobuf messages',
  package: '@grpc/grpc-js',
  does: ['requests', 'oneway', 'tcp', 'clients', 'broadcast', 'require'],
  buffers: true,

  async serve(address, handlers) {
    const { grpc, service } = load();
    const subscribers = new Set();
    const server = new grpc.Server();
    server.addService(service.service, {
      async echo({ request }, callback) {
        try {
          callback(null, packed(await handlers.get('echo')(unpacked(request))));
        } catch (error) {
          callback(error);
        }
      },
      note(call, callback) {
        call.on('data', (message) => handlers.get('note')(unpacked(message)));
        call.on('end', () => callback(null, {}));
      },
      listen(call) {
        subscribers.add(call);
        call.on('cancelled', () => subscribers.delete(call));
        call.sendMetadata(new grpc.Metadata()); // tells the client that it is subscribed
      },
    });
    await new Promise((resolve, reject) => {
      server.bindAsync(targetOf(address), grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
    });
    return {
      broadcast(_type, payload) {
        const message = packed(payload);
        for (const call of subscribers) call.write(message);
      },
    };
  },

  async connect(address) {
    const { grpc, service } = load();
    // Its channels to one address share a connection unless told not to.
    const client = new service(targetOf(address), grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    await new Promise((resolve, reject) => {
      client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve()));
    });
    let notes;
    const write = (payload, callback) => {
      notes ??= client.note(() => {}); // its end comes with close()
      notes.write(packed(payload), callback);
    };
    const sendAndWait = (_type, payload) =>
      new Promise((resolve, reject) => {
        write(payload, (error) => (error ? reject(error) : resolve()));
      });
    return {
      request: (_type, payload) =>
        new Promise((resolve, reject) => {
          client.echo(packed(payload), (error, answer) => (error ? reject(error) : resolve(unpacked(answer))));
        }),
      send: (_type, payload) => write(payload),
      sendAndWait,
      sendAccepted: sendAndWait,
      async on(_type, handler) {
        const call = client.listen({});
        call.on('data', (message) => handler(unpacked(message)));
        call.on('error', () => {}); // it is cancelled by close()
        await new Promise((resolve) => call.once('metadata', resolve));
      },
      close: () => client.close(),
    };
  },
};

/** A Buffer goes as the field `data`, the empty string as no field at all. */
function packed(payload) {
  if (Buffer.isBuffer(payload)) return { data: payload };
  return payload === '' ? {} : payload;
}

function unpacked(message) {
  if (message.data !== undefined) return message.data;
  return message.nonce === undefined ? '' : message;
}

function targetOf({ path: socket, host, port }) {
  return socket ? `unix:${socket}` : `${host}:${port}`;
}

function load() {
  const grpc = require('@grpc/grpc-js');
  // As its documentation loads a .proto; absent fields stay absent.
  const definition = require('@grpc/proto-loader').loadSync(path.join(__dirname, 'grpc.proto'), { defaults: false });
  return { grpc, service: grpc.loadPackageDefinition(definition).benchmark.Bench };
}

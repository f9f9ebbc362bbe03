'use strict';

// One file per peer, all of the same shape:
//
//   title, package              what it is, and the npm package to load, if any
//   does                        what it can: the rows that it takes part in
//   buffers                     whether a Buffer crosses as one; else it goes as base64
//   serialization               of the channel between the two processes ('json')
//   serve(address, handlers, sink)     in the server process; resolves when it listens, to
//     broadcast(type, payload)         to every connection
//     publish(topic, payload)          to those that subscribed
//   connect(address, serverProcess)    in the client process; resolves to a connection:
//     request(type, payload)           → promise of the answer
//     send(type, payload)              one-way, nothing to wait for
//     sendAndWait(type, payload)       one-way; resolves when the sender may go on
//     sendAccepted(type, payload)      one-way; resolves when the message was taken
//     on(type, handler)                for what is broadcast
//     subscribe(topic, handler)        resolves when the server knows
//     sendFile(file)                   resolves when the receiver has it in `sink.file`
//     sendStream(readable)             resolves when the receiver has read all of it
//     info()                           optional; a text for the report
//     close()
//
// An address is `{ path }` or `{ host, port }`. Nothing is loaded before it is needed, so a
// process holds the code of one peer only.

const { createRequire } = require('node:module');

const peers = {
  smartipc: require('./smartipc.js')(),
  'smartipc busyPoll': require('./smartipc.js')({ busyPoll: 50 }),
  plain: require('./plain.js'),
  child_process: require('./child-process.js')('json'),
  'child_process-advanced': require('./child-process.js')('advanced'),
  net: require('./net.js'),
  ws: require('./ws.js'),
  'node-ipc': require('./node-ipc.js'),
  zeromq: require('./zeromq.js'),
  'vscode-jsonrpc': require('./vscode-jsonrpc.js'),
  grpc: require('./grpc.js'),
};

/** Why a peer can't run here, or undefined. */
async function problemOf(name) {
  const peer = peers[name];
  if (peer.package === undefined) return undefined;
  try {
    await import(peer.entry ?? peer.package);
    return undefined;
  } catch (error) {
    return error.code === 'ERR_MODULE_NOT_FOUND' ? 'not installed' : error.message.split('\n')[0];
  }
}

/** The version that is installed, for the report; undefined for what comes with Node. */
function versionOf(name) {
  const from = createRequire(__filename);
  for (const folder of from.resolve.paths(peers[name].package ?? '') ?? []) {
    try {
      return from(`${folder}/${peers[name].package}/package.json`).version;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

module.exports = { peers, problemOf, versionOf };

'use strict';

// A thread of core.cjs: asks the server on the main thread until it is ended.

const { parentPort, threadId, workerData } = require('worker_threads');

const { SmartIpc } = require('@push.rocks/smartipc');

async function main() {
  const client = SmartIpc.createClient(Object.assign({ clientId: `thread-${threadId}` }, workerData));
  await client.connect();
  for (let asked = 1; ; asked++) {
    await client.request('echo', { threadId, asked });
    if (asked === 10) parentPort.postMessage('busy');
  }
}

main();

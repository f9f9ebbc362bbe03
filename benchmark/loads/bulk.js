'use strict';

// One file, or one stream of Buffers, from the client to the server.

const fs = require('node:fs');
const { Readable } = require('node:stream');
const { used } = require('./window.js');

const CHUNK_BYTES = 64 * 1024;
const LOOKS_AT = 64; // blocks of a received file that are compared

async function run(bench) {
  const { file, bytes, warmupBytes } = bench.job;
  const connection = await bench.connect();
  const transfer = file ? fileTransfer(bench, connection) : streamTransfer(bench, connection);
  await transfer(warmupBytes, file?.warmup);
  // Its memory is at hand for the next one; from elsewhere a virtual machine may have to get it from its host.
  if (file) fs.rmSync(file.target);
  const before = await bench.snapshot();
  await transfer(bytes, file?.source);
  const after = await bench.snapshot();
  if (file) compare(file.source, file.target, bytes);
  else if (after.server.bytes !== bytes + warmupBytes) throw new Error(`${bytes} sent, ${after.server.bytes - warmupBytes} received`);
  const mib = bytes / 2 ** 20;
  const result = used(before, after, mib);
  return { operations: mib, ...result, cpu: result.cpu * 1024 * 1e-3 }; // ms per GiB
}

function fileTransfer(_bench, connection) {
  return async (bytes, source) => {
    if (fs.statSync(source).size !== bytes) throw new Error(`${source} has not ${bytes} bytes`);
    await connection.sendFile(source);
  };
}

function streamTransfer(bench, connection) {
  const chunk = Buffer.alloc(CHUNK_BYTES, bench.job.fill);
  return async (bytes) => {
    let left = bytes / CHUNK_BYTES;
    const source = new Readable({
      read() {
        this.push(left-- > 0 ? chunk : null);
      },
    });
    await connection.sendStream(source);
  };
}

/** The size of two files, and blocks all over them. */
function compare(source, target, bytes) {
  const size = fs.statSync(target).size;
  if (size !== bytes) throw new Error(`a file of ${bytes} bytes arrived with ${size}`);
  const [left, right] = [fs.openSync(source), fs.openSync(target)];
  for (let i = 0; i < LOOKS_AT; i++) {
    const at = Math.floor(((bytes - CHUNK_BYTES) * i) / (LOOKS_AT - 1));
    const [one, other] = [left, right].map((fd) => {
      const block = Buffer.alloc(CHUNK_BYTES);
      fs.readSync(fd, block, 0, CHUNK_BYTES, at);
      return block;
    });
    if (!one.equals(other)) throw new Error(`the file differs near byte ${at}`);
  }
  fs.closeSync(left);
  fs.closeSync(right);
}

module.exports = { run };

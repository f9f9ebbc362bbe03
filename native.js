'use strict';

// Finds and loads the native addon: the file built in this folder, else the
// package for this platform. Nothing else in the package names either.

const fs = require('fs');
const path = require('path');

const { name, version } = require('./package.json');

const PLATFORMS = [
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64',
];

module.exports = load();

function load() {
  const libc = detectLibc();
  const platform = platformName(libc);
  const local = path.join(__dirname, `${name}.${platform}.node`);
  const override = process.env.SMARTIPC_NATIVE_PATH;

  let source = `${name}-${platform}`;
  if (override) source = path.resolve(override);
  else if (fs.existsSync(local)) source = local;

  let binding;
  try {
    binding = require(source);
  } catch (cause) {
    throw loadError(platform, libc, source, cause);
  }
  checkVersion(binding, source);
  return binding;
}

/** A facade and an addon of different versions disagree in silence. */
function checkVersion(binding, source) {
  const found = typeof binding.version === 'function' ? binding.version() : undefined;
  if (found === version) return;
  throw withCode(
    'IPC_ERR_VERSION_MISMATCH',
    `${name} ${version} has loaded a native addon of version ${found === undefined ? '(unknown)' : found} from ${source}. ` +
      'Both must be of one version: ' +
      (isFile(source)
        ? 'build it again (npm run build), or remove that file.'
        : `reinstall the package (npm install ${name}@${version}).`)
  );
}

function loadError(platform, libc, source, cause) {
  const reason = explain(platform, source, cause);
  const error = withCode(
    'IPC_ERR_NATIVE_LOAD',
    `${name} can't load its native addon on ${process.platform}, ${process.arch}` +
      `${libc ? `, ${libc === 'gnu' ? 'glibc' : libc}` : ''} (Node ${process.versions.node}), from ${source}.\n` +
      `Likely cause: ${reason.cause}\n` +
      `Remedy: ${reason.remedy}\n` +
      `Reported: ${firstLine(cause)}`
  );
  // Not every supported Node knows the constructor's option.
  Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true });
  return error;
}

function explain(platform, source, cause) {
  // Without the path of the addon, which names a platform itself.
  const text = String((cause && cause.message) || cause).replace(/\S+\.node/g, '');
  const packageName = `${name}-${platform}`;
  const rebuild = 'build it from the source repository (npm run build)';

  if (process.env.SMARTIPC_NATIVE_PATH) {
    return {
      cause: 'SMARTIPC_NATIVE_PATH names a file that is missing or was built for something else.',
      remedy: 'correct or unset SMARTIPC_NATIVE_PATH.',
    };
  }
  if (cause && cause.code === 'MODULE_NOT_FOUND') {
    if (!PLATFORMS.includes(platform)) {
      return {
        cause: `there is no prebuilt addon for ${platform} (there is one for ${PLATFORMS.join(', ')}).`,
        remedy: `${rebuild}.`,
      };
    }
    const others = installedPlatforms();
    return {
      cause:
        others.length > 0
          ? `${packageName} isn't installed, but ${others.join(', ')} is: node_modules or the lock file come from another platform.`
          : `the optional package ${packageName} isn't installed: optional dependencies were left out, ` +
            'or the lock file comes from another platform, or a bundler has taken this package in (declare it external).',
      remedy: `npm install ${packageName}@${version}, or remove node_modules and install again here without --omit=optional; in a checkout: npm run build.`,
    };
  }
  if (cause && cause.code === 'ERR_DLOPEN_DISABLED') {
    return {
      cause: 'Node was started with --no-addons, or with its permission model, which forbids addons.',
      remedy: 'leave --no-addons out, or add --allow-addons.',
    };
  }
  if (/GLIBC(XX)?_[\d.]+|version `/.test(text)) {
    return { cause: "this system's C library is older than the one the addon was built for.", remedy: `use a newer system, or ${rebuild} here.` };
  }
  if (/libc\.musl|ld-musl|ld-linux|error relocating/i.test(text)) {
    return { cause: 'the addon was built for another C library (glibc or musl) than the one of this Node.', remedy: 'remove node_modules and install again on this system.' };
  }
  if (/invalid ELF header|wrong ELF class|incompatible architecture|mach-o|not a valid Win32|cannot open shared object|file too short/i.test(text)) {
    return {
      cause: 'the file was built for another platform or is damaged, as when node_modules was copied from another machine.',
      remedy: 'remove node_modules and install again on this machine; in a checkout: npm run build.',
    };
  }
  if (/failed to map segment|operation not permitted|permission denied|code signature/i.test(text)) {
    return { cause: 'the system forbids to run code from that folder (a noexec mount, or a security policy).', remedy: 'install the package in another folder, or allow it.' };
  }
  return { cause: 'the file is damaged or does not fit this Node.', remedy: `install the package again, or ${rebuild}.` };
}

/** The packages of other platforms that are installed, for the message. */
function installedPlatforms() {
  return PLATFORMS.map((platform) => `${name}-${platform}`).filter((other) => {
    try {
      require.resolve(`${other}/package.json`);
      return true;
    } catch (_) {
      return false;
    }
  });
}

function withCode(code, message) {
  return Object.assign(new Error(message), { code });
}

function platformName(libc) {
  if (process.platform === 'linux') return `linux-${process.arch}-${libc}`;
  return `${process.platform}-${process.arch}`;
}

/** The C library this process runs on: 'gnu', 'musl', or '' where there is no choice. */
function detectLibc() {
  if (process.platform !== 'linux') return '';
  // The loader named in Node's own binary decides. Files on the disk don't:
  // musl may be installed beside glibc.
  const loader = path.basename(elfInterpreter(process.execPath));
  if (loader.startsWith('ld-musl')) return 'musl';
  if (loader.startsWith('ld-linux') || loader.startsWith('ld64')) return 'gnu';
  const glibc = reportedGlibc();
  if (glibc !== undefined) return glibc ? 'gnu' : 'musl';
  return hasMuslLoader() ? 'musl' : 'gnu';
}

/** The program interpreter of an ELF file, '' when it can't be read. */
function elfInterpreter(file) {
  let fd;
  try {
    fd = fs.openSync(file, 'r');
    const head = Buffer.alloc(64);
    fs.readSync(fd, head, 0, 64, 0);
    // 64-bit, little endian: all that Node runs on under Linux but s390x.
    if (head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== 2 || head[5] !== 1) return '';
    const offset = Number(head.readBigUInt64LE(32));
    const size = head.readUInt16LE(54);
    const count = head.readUInt16LE(56);
    const table = Buffer.alloc(size * count);
    fs.readSync(fd, table, 0, table.length, offset);
    for (let at = 0; at < table.length; at += size) {
      if (table.readUInt32LE(at) !== 3) continue; // PT_INTERP
      const text = Buffer.alloc(Math.min(Number(table.readBigUInt64LE(at + 32)), 4096));
      fs.readSync(fd, text, 0, text.length, Number(table.readBigUInt64LE(at + 8)));
      return text.toString('utf8').replace(/\0.*$/s, '');
    }
    return '';
  } catch (_) {
    return '';
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** glibc's version as Node reports it; '' on another library, undefined when Node doesn't say. */
function reportedGlibc() {
  /** @type {any} */
  const report = process.report;
  if (!report || typeof report.getReport !== 'function') return undefined;
  // Without this the report looks up the name of every open connection's peer.
  const excluded = report.excludeNetwork;
  try {
    report.excludeNetwork = true;
    const { header } = report.getReport();
    return header ? header.glibcVersionRuntime || '' : undefined;
  } catch (_) {
    return undefined;
  } finally {
    if (excluded === undefined) delete report.excludeNetwork;
    else report.excludeNetwork = excluded;
  }
}

function hasMuslLoader() {
  try {
    return fs.readdirSync('/lib').some((file) => file.startsWith('ld-musl-'));
  } catch (_) {
    return false;
  }
}

function isFile(source) {
  return path.isAbsolute(source);
}

function firstLine(cause) {
  return String((cause && cause.message) || cause).split('\n')[0];
}

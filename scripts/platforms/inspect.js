'use strict';

// What an addon needs of the system it is loaded on, read from the file itself.

const fs = require('fs');

/**
 * @param {string} file
 * @param {string} platform
 * @returns {{ size: number, stripped: boolean, glibc: string, needs?: string[] }}
 */
function inspect(file, platform) {
  const bytes = fs.readFileSync(file);
  const text = bytes.toString('latin1');
  const size = bytes.length;
  if (platform.startsWith('linux')) return { size, stripped: !elfSections(bytes).some((name) => /^\.(symtab|debug_)/.test(name)), glibc: newestGlibc(text) };
  if (platform.startsWith('win32')) return { size, stripped: isStrippedPe(bytes), glibc: '', needs: importedLibraries(text) };
  return { size, stripped: !text.includes('__DWARF\0'), glibc: '' };
}

/** The names of the sections of a 64-bit, little-endian ELF file. */
function elfSections(bytes) {
  const table = Number(bytes.readBigUInt64LE(40));
  const [size, count, names] = [58, 60, 62].map((at) => bytes.readUInt16LE(at));
  const field = (index, at) => table + index * size + at;
  const strings = Number(bytes.readBigUInt64LE(field(names, 24)));
  return Array.from({ length: count }, (_, index) => {
    const start = strings + bytes.readUInt32LE(field(index, 0));
    return bytes.toString('latin1', start, bytes.indexOf(0, start));
  });
}

/** Whether a PE file has no symbols: its header names the place of their table. */
function isStrippedPe(bytes) {
  const header = bytes.readUInt32LE(0x3c) + 4;
  return bytes.readUInt32LE(header + 8) === 0;
}

/** The highest version among the symbol versions that the file names; '' for none. */
function newestGlibc(text) {
  const versions = [...text.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [Number(major), Number(minor)]);
  if (versions.length === 0) return '';
  return versions.sort((a, b) => b[0] - a[0] || b[1] - a[1])[0].join('.');
}

/** The names of the libraries that Windows has to find. */
function importedLibraries(text) {
  const names = text.match(/[\w.-]+\.dll(?=\0)/gi) || [];
  return [...new Set(names.map((name) => name.toLowerCase()))].filter((name) => name !== 'smartipc_native.dll').sort();
}

module.exports = { importedLibraries, inspect, newestGlibc };

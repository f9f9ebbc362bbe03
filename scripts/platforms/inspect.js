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
  const found = { size: bytes.length, stripped: !text.includes('.debug_info'), glibc: '' };
  if (platform.startsWith('linux')) return { ...found, glibc: newestGlibc(text), needs: undefined };
  if (platform.startsWith('win32')) return { ...found, needs: importedLibraries(text) };
  return found;
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

module.exports = { inspect };

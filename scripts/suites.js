'use strict';

/** Folders of tests with what a driver can break: bytes, and the ends of connections, processes and threads. */
const FOLDERS = ['conformance', 'wire', 'lifecycle', 'streams'];

/** The tests that run on the tokio driver too, as patterns for ava. */
const TOKIO_SUITES = FOLDERS.map((folder) => `__test__/${folder}/**`);

/**
 * Whether a test file is one of them.
 *
 * @param {string} file relative to the repository
 * @returns {boolean}
 */
function onTokio(file) {
  return FOLDERS.includes(file.split(/[\\/]/)[1]);
}

module.exports = { TOKIO_SUITES, onTokio };

'use strict';

// Loads what it is told to, or nothing: see require.js.

const [entry, kind] = process.argv.slice(2);
if (kind === 'esm') import(entry);
else if (entry !== undefined) require(entry);

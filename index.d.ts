/// <reference types="node" />

// Written by hand for TypeScript 4.0 and later; package.json has TypeScript 4.0
// take types/ts4.0/index.d.ts instead. Times are in milliseconds and sizes in
// bytes unless said otherwise. An option that is `undefined` counts as not given.

import './types/wildcards';

export * from './types/public';

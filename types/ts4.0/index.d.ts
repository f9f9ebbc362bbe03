/// <reference types="node" />

// ../../index.d.ts for TypeScript 4.0: see wildcards.d.ts here.

import './wildcards';

export * from '../public';

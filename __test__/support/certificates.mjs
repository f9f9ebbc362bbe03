// Certificates for tests; scripts/make-certificates.sh made them.

import fs from 'fs';
import { fileURLToPath } from 'url';

/** @param {string} name */
export function certificateFile(name) {
  return fileURLToPath(new URL(`../fixtures/tls/${name}.pem`, import.meta.url));
}

/** @param {string} name */
export function certificate(name) {
  return fs.readFileSync(certificateFile(name), 'utf8');
}

/** The certificate and the key of a name. */
export function own(name) {
  return { cert: certificate(name), key: certificate(`${name}-key`) };
}

export const ca = certificate('ca');

'use strict';

// A bug for each target, as a patch of the core: a target that doesn't find it
// would not find one like it either. The sources are copied before they are patched.

const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { root, ending, SetupError } = require('../setup.js');
const { FOLDER, build } = require('./cargo-fuzz.js');

const COPY = path.join(root, '.setup', 'planted');
/** What the fuzz crate is built of. */
const PARTS = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src', 'fuzz'];

/** Builds a target with its bug; the folder it is to be run in. */
function plant(target, env) {
  fs.rmSync(COPY, { recursive: true, force: true });
  const built = ['target', 'artifacts'].map((name) => path.join(FOLDER, name));
  for (const part of PARTS) {
    fs.cpSync(path.join(root, part), path.join(COPY, part), { recursive: true, filter: (file) => !built.includes(file) });
  }
  const patch = path.join(FOLDER, 'planted', `${target}.patch`);
  // Or git would look for the files from the top of the checkout that it is in.
  const result = spawnSync('git', ['apply', patch], {
    cwd: COPY,
    env: { ...env, GIT_CEILING_DIRECTORIES: path.dirname(COPY) },
    stdio: 'inherit',
  });
  if (result.status !== 0) throw new SetupError(`${path.relative(root, patch)} does not apply (${ending(result)}).`);
  const folder = path.join(COPY, 'fuzz');
  build(folder, [target], env);
  return folder;
}

module.exports = { plant };

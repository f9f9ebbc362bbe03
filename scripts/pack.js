'use strict';

// npm run pack:platform: makes the two tarballs that a user of this platform
// installs, the package and the addon's, in .setup/packages.
//
//   --out=FOLDER    somewhere else
//   --no-build      with the addon that is there
//   --built         the package and the addons of all platforms that are in npm/
//
// The tarballs' paths are the last lines of output.

const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { root, setup, npm, platformName, runMain, SetupError } = require('./setup.js');

/** What npm puts into every tarball beside the whitelist. */
const ALWAYS = ['README.md', 'LICENSE'];
/** What of package.json is for this repository and not for users. */
const OURS = ['scripts', 'devDependencies', 'ava'];

if (require.main === module) {
  runMain(() => {
    const args = process.argv.slice(2);
    const out = args.find((arg) => arg.startsWith('--out='));
    const built = args.includes('--built');
    if (!built) setup({ modules: false, build: !args.includes('--no-build') });
    const folder = path.resolve(out ? out.slice('--out='.length) : path.join(root, '.setup', 'packages'));
    const tarballs = packAll(folder, built ? platforms().filter(isBuilt) : undefined);
    for (const tarball of tarballs) console.log(tarball);
  });
}

/**
 * Packs the package, and those of platforms, into a folder; returns the paths of the
 * tarballs, the package's first.
 *
 * @param {string} out
 * @param {string[]} [built] platforms whose addon is in npm/; without them it is
 *   this one, with the addon beside native.js
 * @param {(platform: string) => string} [from] where their addons are
 * @param {object} [fields] of every manifest, beside its own
 */
function packAll(out, built, from = (platform) => path.join(root, 'npm', platform), fields = {}) {
  fs.mkdirSync(out, { recursive: true });
  const work = fs.mkdtempSync(path.join(out, 'work-'));
  try {
    const staged = [stageMain(path.join(work, 'main'), fields)];
    if (built === undefined) staged.push(stagePlatform(path.join(work, 'platform'), platformName(), root, fields));
    else for (const platform of built) staged.push(stagePlatform(path.join(work, platform), platform, from(platform), fields));
    return staged.map((folder) => pack(folder, out));
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/**
 * The package as it is published: its platforms are optional dependencies,
 * which a checkout can't have, for they aren't published before it.
 */
function stageMain(folder, fields) {
  const manifest = readManifest('package.json');
  const published = Object.fromEntries(Object.entries(manifest).filter(([field]) => !OURS.includes(field)));
  published.optionalDependencies = Object.fromEntries(platforms().map((platform) => [`${manifest.name}-${platform}`, manifest.version]));
  fs.mkdirSync(folder);
  for (const file of [...manifest.files, ...ALWAYS]) copy(path.join(root, file), path.join(folder, file));
  writeManifest(folder, { ...published, ...fields });
  return folder;
}

/** The package of a platform, with the addon that is in `from`. */
function stagePlatform(folder, platform, from, fields) {
  if (!platforms().includes(platform)) throw new SetupError(`there is no package for ${platform}: npm/ has ${platforms().join(', ')}.`);
  const manifest = readManifest(path.join('npm', platform, 'package.json'));
  const addon = path.join(from, manifest.main);
  if (!fs.existsSync(addon)) throw new SetupError(`${manifest.main} isn't there; build it: npm run build`);
  fs.mkdirSync(folder);
  // The bill of materials is of a release, and of the addon beside it.
  for (const file of manifest.files.filter((file) => fs.existsSync(path.join(from, file)))) copy(path.join(from, file), path.join(folder, file));
  copy(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
  writeManifest(folder, { ...manifest, ...fields });
  return folder;
}

function isBuilt(platform) {
  return fs.existsSync(path.join(root, 'npm', platform, `smartipc-native.${platform}.node`));
}

function pack(folder, out) {
  const [command, ...first] = npm();
  const args = [...first, 'pack', '--json', '--ignore-scripts', '--pack-destination', out];
  const result = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (result.error || result.status !== 0) {
    throw new SetupError(`npm pack failed: ${result.error ? result.error.message : result.stderr.trim()}`);
  }
  return path.join(out, JSON.parse(result.stdout)[0].filename);
}

/** The platforms with a package, as npm/ names them. */
function platforms() {
  return fs.readdirSync(path.join(root, 'npm')).sort();
}

function readManifest(file) {
  return JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'));
}

function writeManifest(folder, manifest) {
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Copies a file, or a folder of files. */
function copy(from, to) {
  if (!fs.statSync(from).isDirectory()) {
    fs.copyFileSync(from, to);
    return;
  }
  fs.mkdirSync(to);
  for (const entry of fs.readdirSync(from)) copy(path.join(from, entry), path.join(to, entry));
}

module.exports = { packAll, platforms };

'use strict';

// The steps of a release, as .github/workflows/release.yml takes them:
//
//   npm run build:release                          this machine's addon, into npm/<platform>
//   npm run pack:release -- --out=FOLDER           the tarballs of all platforms
//   npm run publish:release -- --packages=FOLDER --tag=v1.2.3
//
// Nothing is left out: a platform that is missing or too large ends it.

const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { packAll, platforms } = require('../pack.js');
const { root, buildAddon, checkTools, npmScript, platformName, replaceFile, run, runMain, SetupError } = require('../setup.js');
const { inspect } = require('./inspect.js');
const { LARGEST_ORDINARY } = require('./list.js');
const { writeBillOfMaterials } = require('./sbom.js');

const COMMANDS = { build, pack, publish };

runMain(() => {
  const [command, ...args] = process.argv.slice(2);
  const options = Object.fromEntries(args.map((arg) => /^--(\w+)=(.*)$/.exec(arg) || []).map(([, name, value]) => [name, value]));
  if (!Object.hasOwn(COMMANDS, command)) throw new SetupError(`release.js ${Object.keys(COMMANDS).join(' | ')}`);
  COMMANDS[command](options);
});

function build() {
  const platform = platformName();
  const file = addonOf(platform);
  replaceFile(buildAddon(checkTools()), file);
  check(platform);
}

function pack({ out = path.join(root, '.setup', 'release') }) {
  const missing = platforms().filter((platform) => !fs.existsSync(addonOf(platform)));
  if (missing.length > 0) throw new SetupError(`there is no addon for ${missing.join(', ')} in npm/`);
  for (const platform of platforms()) {
    check(platform);
    writeBillOfMaterials(platform);
  }
  for (const tarball of packAll(path.resolve(out), platforms(), undefined, repository())) console.log(tarball);
}

/** npm compares it with the workflow that publishes, which is where it is known. */
function repository() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env;
  return server && name ? { repository: { type: 'git', url: `git+${server}/${name}.git` } } : {};
}

function publish({ packages, tag }) {
  const { name, version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  if (tag !== `v${version}`) throw new SetupError(`the tag is ${tag}, and the version ${version}`);
  // The one that names the others comes last: it must never be without them.
  for (const published of [...platforms().map((platform) => `${name}-${platform}`), name]) {
    const tarball = path.resolve(packages || '.', `${published}-${version}.tgz`);
    if (!fs.existsSync(tarball)) throw new SetupError(`${path.basename(tarball)} is missing`);
    // From an attempt that did not come to its end.
    const there = spawnSync(process.execPath, [npmScript(), 'view', `${published}@${version}`, 'version'], { encoding: 'utf8' });
    if (there.stdout.trim() === version) console.log(`${published}@${version} is published already`);
    else run(process.execPath, [npmScript(), 'publish', tarball, '--provenance', '--access', 'public']);
  }
}

function addonOf(platform) {
  return path.join(root, 'npm', platform, `smartipc-native.${platform}.node`);
}

function check(platform) {
  const { size, stripped } = inspect(addonOf(platform), platform);
  console.log(`${platform}: ${size} bytes`);
  // The scripts for Linux have checked theirs more closely.
  if (size > LARGEST_ORDINARY) throw new SetupError(`${platform}: ${size} bytes are more than ${LARGEST_ORDINARY}`);
  if (!stripped) throw new SetupError(`${platform}: it has debugging symbols`);
}

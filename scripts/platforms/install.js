'use strict';

// An empty project of a user, on another platform.

const fs = require('fs');
const path = require('path');

const { caseEnv } = require('../cases.js');
const { ALIAS, npmScript, root, platformName, SetupError } = require('../setup.js');
const { STORE } = require('./fetch.js');
const { runToFiles } = require('./runners.js');

const NAME = 'smartipc-native';
/** What the cases are made of. */
const PARTS = ['__test__/runtimes', '__test__/platforms', '__test__/fixtures/tls'];
const LIMIT = 5 * 60 * 1000;

/**
 * Installs the packed packages with npm, run by the Node of that platform: all the
 * platforms are offered, as they are in the registry, and npm takes the one that fits.
 *
 * @param {string} platform
 * @param {{ main: string, platforms: Record<string, string> }} packages tarballs
 * @param {import('./runners.js').Runner} runner
 * @param {string[]} [flags] for npm
 */
async function install(platform, packages, runner, flags = []) {
  const folder = path.join(STORE, 'projects', platform);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const offered = Object.entries(packages.platforms).map(([name, tarball]) => [`${NAME}-${name}`, `file:${tarball}`]);
  const manifest = {
    name: 'a-user',
    private: true,
    dependencies: { [ALIAS]: `file:${packages.main}` },
    optionalDependencies: Object.fromEntries(offered),
  };
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
  const env = caseEnv({ ...runner.env, npm_config_cache: path.join(STORE, 'npm-cache') });
  const args = [npmScript(), 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', ...flags];
  const ran = await runToFiles(runner.command, args, { cwd: folder, env, limit: LIMIT });
  if (ran.status !== 0) throw new SetupError(`npm install failed: ${(ran.errors || ran.output).trim().split('\n').slice(0, 6).join(' | ')}`);
  const project = { folder, platform, peer: false, package: path.join(folder, 'node_modules', ALIAS) };
  // Beside the package, so that what they require is what users have.
  for (const part of PARTS) fs.cpSync(path.join(root, part), path.join(project.package, part), { recursive: true });
  return project;
}

/**
 * That the right addon, and no other, was installed and is loaded; and what is said
 * where only another platform's is there. Counted in `result`.
 */
async function checkInstallation(project, runner, result) {
  const modules = path.join(project.folder, 'node_modules');
  // Put there for the peer of the Node before this one, and not by npm.
  if (project.peer) fs.rmSync(path.join(modules, `${NAME}-${platformName()}`), { recursive: true, force: true });
  project.peer = false;
  const right = `${NAME}-${project.platform}`;
  const installed = () => fs.readdirSync(modules).filter((entry) => entry.startsWith(`${NAME}-`) && !entry.endsWith('.aside'));
  expect(result, 'the addon of this platform is installed, and no other', String(installed()), right);
  if (!installed().includes(right)) return;

  const loaded = await load(project, runner);
  expect(result, 'the package loads', loaded.code, 'loaded');

  // As when node_modules was copied from another machine.
  const other = `${NAME}-${project.platform === 'linux-x64-gnu' ? 'linux-x64-musl' : 'linux-x64-gnu'}`;
  const [own, aside, wrong] = [right, `${right}.aside`, other].map((name) => path.join(modules, name));
  fs.renameSync(own, aside);
  try {
    fs.cpSync(aside, wrong, { recursive: true });
    const { code, message = '' } = await load(project, runner);
    expect(result, 'the other platform only: the code', code, 'IPC_ERR_NATIVE_LOAD');
    const libc = project.platform.endsWith('musl') ? ', musl' : project.platform.endsWith('gnu') ? ', glibc' : '';
    const [system, machine] = project.platform.split('-');
    for (const said of [`on ${system}, ${machine}${libc} (Node `, `${right} isn't installed, but ${other} is`, `Remedy: npm install ${right}@`]) {
      expect(result, 'the other platform only: the message', message.includes(said) ? said : message, said);
    }
  } finally {
    fs.rmSync(wrong, { recursive: true, force: true });
    fs.renameSync(aside, own);
  }

  // This machine's Node is a peer in some cases, and needs an addon of its own.
  const built = path.join(root, 'npm', platformName());
  const addon = `${NAME}.${platformName()}.node`;
  if (runner.interop && fs.existsSync(path.join(built, addon))) {
    const target = path.join(modules, `${NAME}-${platformName()}`);
    fs.mkdirSync(target, { recursive: true });
    for (const file of ['package.json', addon]) fs.copyFileSync(path.join(built, file), path.join(target, file));
    project.peer = true;
  }
}

/** Requires the package there; the code and message of what it throws. */
async function load(project, runner) {
  const script = path.join(project.folder, 'load.cjs');
  fs.writeFileSync(
    script,
    `try { require(${JSON.stringify(ALIAS)}); console.log('{"code":"loaded"}'); }
catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message })); }\n`
  );
  const { output, errors } = await runToFiles(runner.command, [script], { cwd: project.folder, env: caseEnv(runner.env), limit: LIMIT });
  const line = output.split('\n').find((text) => text.startsWith('{'));
  return line ? JSON.parse(line) : { code: `nothing was said: ${errors}` };
}

function expect(result, what, found, wanted) {
  if (found === wanted) {
    result.passed++;
    return;
  }
  result.failed++;
  result.names.push(`${what}: ${found} instead of ${wanted}`);
}

module.exports = { checkInstallation, install };

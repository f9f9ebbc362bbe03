'use strict';

// npm run test:platforms: installs the packed packages on every platform that
// build:platforms has built for, in a Node of that platform, and runs the cases of
// test:runtimes there; then the core's own tests of pipes.
//
//   npm run test:platforms -- --only=win32-x64
//   npm run test:platforms -- --allow-skip=linux-arm64-musl
//   npm run test:platforms -- --write       puts the table into docs/platforms.md
//   npm run test:platforms -- --packages=FOLDER    this system, from the tarballs
//                                           of a release, on the Node that runs this

const fs = require('fs');
const path = require('path');

const { TIME_LIMIT, caseEnv, countCases } = require('../cases.js');
const { packAll, platforms } = require('../pack.js');
const { root, platformName, runMain, SetupError } = require('../setup.js');
const { commandFor, parseArgs } = require('./build.js');
const { NotFetched, STORE, wine } = require('./fetch.js');
const { checkInstallation, install } = require('./install.js');
const { inLanes } = require('./lanes.js');
const { PLATFORMS } = require('./list.js');
const { prefetchNodes } = require('./prefetch.js');
const { seconds, summarise } = require('./report.js');
const { runToFiles, runnerOf } = require('./runners.js');
const { writeTable } = require('./table.js');

const SUITES = ['runtimes/core.cjs', 'runtimes/streams.cjs', 'platforms/tls.cjs', 'platforms/windows.cjs'];
/** An emulator takes several times as long as the processor. */
const EMULATED_LIMIT = 2 * TIME_LIMIT;
const OWN_NODE = { by: 'native', nodes: ['own'] };

runMain(async () => {
  const args = process.argv.slice(2);
  const write = args.includes('--write');
  const given = args.find((arg) => arg.startsWith('--packages='));
  const options = parseArgs(args.filter((arg) => arg !== '--write' && arg !== given), ['only', 'allow-skip']);
  fs.mkdirSync(STORE, { recursive: true });
  if (given) {
    const rows = await testNodes(platformName(), OWN_NODE, released(path.resolve(given.slice('--packages='.length))));
    process.exitCode = summarise('this system', rows, []);
    return;
  }
  const packages = pack(options.only);
  await prefetchNodes(options.only.filter((platform) => platform in packages.platforms));
  const rows = (await inLanes(options.only, (platform) => testPlatform(platform, packages))).flat();
  const code = summarise('platforms', rows, [...options.allowSkip, ...options.only.filter((platform) => !PLATFORMS[platform].run)]);
  if (write) writeTable(rows);
  process.exitCode = code;
});

/** The tarballs of the main package and of each platform that has been built. */
function pack(wanted) {
  const out = path.join(STORE, 'packages');
  fs.rmSync(out, { recursive: true, force: true });
  const built = wanted.filter((platform) => fs.existsSync(path.join(root, 'npm', platform, `smartipc-native.${platform}.node`)));
  const [main, ...tarballs] = packAll(out, built);
  return { main, platforms: Object.fromEntries(built.map((platform, at) => [platform, tarballs[at]])) };
}

/** The tarballs of a release. */
function released(folder) {
  const { name, version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const tarball = (published) => path.join(folder, `${published}-${version}.tgz`);
  return { main: tarball(name), platforms: Object.fromEntries(platforms().map((platform) => [platform, tarball(`${name}-${platform}`)])) };
}

async function testPlatform(platform, packages) {
  const { run } = PLATFORMS[platform];
  if (!run) return [{ title: platform, state: 'skipped', text: 'is built only: nothing on this machine can run it', names: [] }];
  if (!(platform in packages.platforms)) {
    return [{ title: platform, state: 'skipped', text: `is not built: npm run build:platforms -- --only=${platform}`, names: [] }];
  }
  const rows = [];
  if (run.by === 'wine') rows.push(await row(`${platform} core (wine)`, 'cargo test: pipes, addresses, transports', (result) => testCore(platform, result)));
  rows.push(...(await testNodes(platform, run, packages)));
  return rows;
}

/** The suites on each Node of a platform. */
async function testNodes(platform, run, packages) {
  const rows = [];
  // npm looks into /usr/bin/ldd, which is this machine's, and only then at the Node it runs on.
  const flags = run.by !== 'native' && platform.endsWith('musl') ? ['--libc=musl'] : [];
  // The newest also installs, for npm itself does not run on the older ones.
  let project;
  for (const line of [...run.nodes].reverse()) {
    const title = `${platform} ${line}`;
    let runner;
    rows.push(
      await row(title, 'install, load errors', async (result) => {
        runner = runnerOf(platform, line, run.by);
        result.title = `${platform} ${runner.title}`;
        if (project === undefined) project = await install(platform, packages, runner, flags);
        await checkInstallation(project, runner, result);
      })
    );
    if (runner === undefined || project === undefined) continue;
    for (const file of SUITES) {
      if (file.includes('windows') && !platform.startsWith('win32')) continue;
      rows.push(await row(`${platform} ${runner.title}`, path.basename(file, '.cjs'), (result) => testFile(runner, project, file, result)));
    }
  }
  return rows;
}

/** Makes a row of what `body` counts, or of why it could not; shows what it returns. */
async function row(title, suite, body) {
  const begin = Date.now();
  const result = { title, suite, state: 'ok', text: '', time: '', passed: 0, failed: 0, names: [] };
  try {
    const said = await body(result);
    console.log(`\n=== ${result.title}: ${suite} ===\n${said || ''}`);
    if (result.failed > 0) result.state = 'FAILED';
    result.text = `${suite}: ${result.passed} passed, ${result.failed} failed (${seconds(begin)})`;
  } catch (error) {
    if (!(error instanceof NotFetched) && !(error instanceof SetupError)) throw error;
    result.state = error instanceof NotFetched ? 'skipped' : 'FAILED';
    result.text = `${suite}: ${error.message}`;
  }
  result.time = seconds(begin);
  return result;
}

async function testFile(runner, project, file, result) {
  const interop = runner.interop && project.peer ? { SMARTIPC_OTHER_RUNTIME: process.execPath } : {};
  const env = caseEnv({ ...runner.env, ...interop });
  const script = path.join(project.package, '__test__', file);
  const limit = runner.command === process.execPath ? TIME_LIMIT : EMULATED_LIMIT;
  const ran = await runToFiles(runner.command, [script], { cwd: project.folder, env, limit });
  countCases(ran, file, result);
  return `${ran.output}${ran.errors}`;
}

/** The core's tests, as programs of that platform. */
async function testCore(platform, result) {
  const { target } = PLATFORMS[platform];
  const { command, env } = commandFor(platform);
  const { program, env: wineEnv } = wine();
  const runner = { [`CARGO_TARGET_${target.toUpperCase().replace(/-/g, '_')}_RUNNER`]: program };
  const args = ['test', '--locked', '--target', target, '-Zbuild-std=std,panic_unwind,test', '--no-default-features', '--lib', '--test', 'endpoints'];
  const quicker = { CARGO_PROFILE_TEST_DEBUG: 'false', CARGO_PROFILE_DEV_DEBUG: 'false' };
  const ran = await runToFiles(command, args, { cwd: root, env: { ...env, ...wineEnv, ...runner, ...quicker }, limit: 20 * 60 * 1000 });
  for (const [, passed, failed] of ran.output.matchAll(/^test result: .*?(\d+) passed; (\d+) failed/gm)) {
    result.passed += Number(passed);
    result.failed += Number(failed);
  }
  for (const [, name] of ran.output.matchAll(/^test (.*) \.\.\. FAILED/gm)) result.names.push(name);
  const said = `${ran.output}${ran.errors.slice(-4000)}`;
  if (result.passed === 0 || (ran.status !== 0 && result.failed === 0)) {
    console.log(said);
    throw new SetupError(`cargo test ended with ${ran.signal || `exit code ${ran.status}`}`);
  }
  return said;
}

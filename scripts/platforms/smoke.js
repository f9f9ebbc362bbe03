'use strict';

// npm test -- --only=windows: compiles the addon for Windows, quickly and without
// optimising, and runs the cases of Windows alone under wine. What can't be fetched
// is NOT RUN, which --allow-missing allows. The last line is "N passed, N failed".

const fs = require('fs');
const path = require('path');

const { TIME_LIMIT, caseEnv, countCases } = require('../cases.js');
const { packAll } = require('../pack.js');
const { runMain } = require('../setup.js');
const { build } = require('./build.js');
const { NotFetched, STORE } = require('./fetch.js');
const { install } = require('./install.js');
const { runToFiles, runnerOf } = require('./runners.js');

const PLATFORM = 'win32-x64';
const NODE = '22';
/** A file, and which of its cases. */
const CASES = [
  ['platforms/windows.cjs', ''],
  ['runtimes/core.cjs', 'the quick start'],
  ['platforms/tls.cjs', 'requests'],
];

runMain(async () => {
  const row = { passed: 0, failed: 0, names: [] };
  try {
    await smoke(row);
  } catch (error) {
    if (!(error instanceof NotFetched)) throw error;
    console.log(`NOT RUN  ${PLATFORM}: ${error.message}`);
    if (!process.argv.includes('--allow-missing')) row.failed++;
  }
  for (const name of row.names) console.log(`not ok 0 - ${name}`);
  console.log(`${row.passed} passed, ${row.failed} failed`);
  process.exitCode = row.failed > 0 ? 1 : 0;
});

async function smoke(row) {
  const runner = runnerOf(PLATFORM, NODE, 'wine');
  // Elsewhere than a release's, which it must not be taken for.
  const addons = path.join(STORE, 'smoke');
  fs.mkdirSync(addons, { recursive: true });
  await build(PLATFORM, { profile: 'dev', into: addons });
  const [main, tarball] = packAll(path.join(STORE, 'smoke-packages'), [PLATFORM], () => addons);
  // By this machine's npm, which is faster; test:platforms does it by that of Windows.
  const own = runnerOf(PLATFORM, 'own', 'native');
  const project = await install(PLATFORM, { main, platforms: { [PLATFORM]: tarball } }, own, ['--os=win32', '--cpu=x64']);
  for (const [file, wanted] of CASES) {
    const script = path.join(project.package, '__test__', file);
    const args = wanted ? [script, wanted] : [script];
    const ran = await runToFiles(runner.command, args, { cwd: project.folder, env: caseEnv(runner.env), limit: TIME_LIMIT });
    // Only the summary is for the reader of "not ok": it is printed once.
    console.log(`${ran.output.replace(/^not ok/gm, 'FAILED')}${ran.errors}`);
    countCases(ran, file, row);
  }
}

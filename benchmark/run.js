'use strict';

// `npm run bench`: measures the peers side by side. See README.md beside this file.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { environment, load } = require('./environment.js');
const { installPeers } = require('./install.js');
const { measure } = require('./measure.js');
const { peers, problemOf } = require('./peers');
const docs = require('./report/docs.js');
const { markdown, targetTable } = require('./report/markdown.js');
const { summarise } = require('./report/summary.js');
const { rows } = require('./rows.js');
const targets = require('./targets.js');

const USAGE = `npm run bench -- [options]
  --targets         only what the table of targets needs, 11 short rounds
  --quick           everything once and short, two at a time: does it run at all?
  --rows ROW,...    rows, or how their names begin: ${Object.keys(rows).join(', ')}
  --peers PEER,...  of ${Object.keys(peers).join(', ')}
  --rounds N        rounds over all rows and peers (3)
  --seconds S       timed window of a measurement (0.7)
  --warmup S        load before the window, not counted (0.3)
  --json FILE       write the results there as well
  --write-docs      put tables, plots and results into docs/ and the README
  --from FILE       report earlier results instead of measuring`;

const QUICK = { rounds: 1, seconds: 0.05, warmup: 0.02, atOnce: 2 };
const FULL = { rounds: 3, seconds: 0.7, warmup: 0.3, atOnce: 1 };
// Many short ones: a ratio is that of a round, and a round is short where the machine's speed changes.
const TARGETS = { ...FULL, rounds: 11, seconds: 0.4 };

function options() {
  const { values } = parseArgs({
    options: {
      targets: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      rows: { type: 'string' },
      peers: { type: 'string', default: Object.keys(peers).join() },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      json: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
      from: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const defaults = values.quick ? QUICK : values.targets ? TARGETS : FULL;
  const chosen = {
    ...defaults,
    quick: values.quick,
    kind: values.targets ? 'targets' : 'full',
    plan: planOf(values),
    json: values.json,
    writeDocs: values['write-docs'],
    from: values.from,
    help: values.help,
  };
  for (const name of ['rounds', 'seconds', 'warmup']) {
    if (values[name] !== undefined) chosen[name] = positive(`--${name}`, values[name]);
  }
  if (!Number.isInteger(chosen.rounds)) throw new Error('--rounds takes a whole number');
  if (chosen.quick && chosen.writeDocs) throw new Error('--quick measures nothing that could be published');
  return chosen;
}

/** Which peers to measure in which row. */
function planOf(values) {
  const names = values.peers.split(',');
  const stranger = names.find((name) => !Object.hasOwn(peers, name));
  if (stranger !== undefined) throw new Error(`--peers: "${stranger}" is none of ${Object.keys(peers).join()}`);
  const given = (values.rows ?? '').split(',');
  const named = (id) => given.some((name) => (Object.hasOwn(rows, name) ? id === name : id.startsWith(name)));
  const unknown = given.find((name) => !Object.keys(rows).some((id) => id.startsWith(name)));
  if (unknown !== undefined) throw new Error(`--rows: nothing begins with "${unknown}"`);

  const wanted = values.targets ? targets.needed(rows) : Object.fromEntries(Object.entries(rows).map(([id, row]) => [id, row.peers]));
  const plan = {};
  for (const [id, able] of Object.entries(wanted)) {
    const taking = able.filter((name) => names.includes(name));
    if (taking.length > 0 && named(id)) plan[id] = taking;
  }
  return plan;
}

function positive(name, value) {
  const number = Number(value);
  if (!(number > 0 && number < 1e6)) throw new Error(`${name} takes a number above 0`);
  return number;
}

async function main() {
  const chosen = options();
  if (chosen.help) return console.log(USAGE);
  const report = chosen.from ? JSON.parse(fs.readFileSync(chosen.from, 'utf8')) : await runAll(chosen);
  if (!chosen.from) save(report, chosen.json);
  console.log(markdown(report));
  if (!chosen.quick) console.log(targetTable(report.rows));
  if (chosen.writeDocs) for (const file of docs.write(report)) console.error(`wrote ${file}`);
  if (report.failures > 0) throw new Error(`${report.failures} of the measurements failed`);
}

async function runAll(chosen) {
  const problems = await prepare(chosen.plan);
  const started = new Date();
  const loadBefore = load();
  const jobs = jobsOf(chosen);
  const all = jobs.length;
  const measurements = [];
  const worker = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const measurement = await measured(job, chosen, problems[job.peer]);
      measurements.push(measurement);
      progress(measurement, measurements.length, all);
    }
  };
  await Promise.all(Array.from({ length: chosen.atOnce }, worker));

  const names = Object.keys(peers).filter((name) => measurements.some((m) => m.peer === name));
  const drivers = [...new Set(measurements.map((m) => m.result?.info).filter(Boolean))];
  return {
    kind: chosen.kind,
    environment: environment({ ...chosen, started, loadBefore, peers: names, drivers }),
    failures: measurements.filter((m) => m.error).length,
    rows: summarise(measurements, chosen.plan),
  };
}

/** Installs what is missing; resolves to why peers can't take part, by name. */
async function prepare(plan) {
  const names = [...new Set(Object.values(plan).flat())];
  const problem = names.some((name) => peers[name].package) ? installPeers() : undefined;
  if (problem) console.error(`${problem}; measuring what is there`);
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await problemOf(name)])));
}

/** Nobody always goes first: each round begins with another peer in each row. */
function jobsOf({ plan, rounds }) {
  const jobs = [];
  for (let round = 0; round < rounds; round++) {
    for (const [row, names] of Object.entries(plan)) {
      const start = round % names.length;
      for (const peer of [...names.slice(start), ...names.slice(0, start)]) jobs.push({ round, row, peer });
    }
  }
  return jobs;
}

async function measured({ round, row, peer }, { warmup, seconds, quick }, problem) {
  if (problem) return { round, row, peer, problem };
  const { quick: small, ...parameters } = rows[row].parameters;
  try {
    return { round, row, peer, result: await measure({ peer, warmup, seconds, ...parameters, ...(quick && small) }) };
  } catch (error) {
    return { round, row, peer, error: error.message };
  }
}

function progress({ row, peer, result, problem, error }, done, all) {
  const metric = rows[row].metrics[0];
  const text = problem ?? (error ? `FAILED: ${error}` : `${metric} ${result[metric === 'mibRate' ? 'rate' : metric].toFixed(1)}`);
  console.error(`${done}/${all} ${row}, ${peer}: ${text}`);
}

function save(report, extra) {
  const text = JSON.stringify(report, null, 1) + '\n';
  const folder = path.join(__dirname, 'results');
  fs.mkdirSync(folder, { recursive: true });
  const name = `${report.kind}-${new Date().toISOString().replaceAll(':', '-')}.json`;
  for (const file of [path.join(folder, name), extra]) if (file) fs.writeFileSync(file, text);
}

main().catch((error) => {
  console.error(`benchmark failed: ${error.message}`);
  process.exitCode = 1;
});

// What npm run conformance makes of what the tests say.

import { createRequire } from 'module';
import test from 'ava';

const require = createRequire(import.meta.url);
const { fromCargo, fromTap, judge } = require('../../scripts/conformance/results.js');
const { excuses, render, replacePart } = require('../../scripts/conformance/document.js');
const groups = require('../../scripts/conformance/cases.json');

const TAP = `TAP version 13
ok 1 - conformance › framing › F1: an empty body [server, json]
#   close reason: protocol_error
not ok 2 - wire › pieces › F1, F2: another
  ---
    message: no
  ...
ok 3 - K5: root only [client, binary, tcp]
#   not run: needs root
ok 4 - lifecycle › without a number
not ok 5 - lifecycle › F3 is not at the beginning: so it is none
`;

const CARGO = `running 3 tests
test ipc::frame::tests::f3_hostile_prefixes ... ok
test ipc::proto::tests::json::f10_f11_bad ... FAILED
test ipc::proto::tests::half_a_frame ... ok
test s9_abstract_names ... ok

successes:

---- s9_abstract_names stdout ----
not run: needs another user
`;

test('numbers, ways, outcomes and reasons are read from TAP', (t) => {
  const { results, strays } = fromTap(TAP, 'loop');
  t.deepEqual(results.map(({ numbers, role, profile, outcome, reason, closes }: any) => [numbers.join(), role, profile, outcome, reason, closes.join()]), [
    ['F1', 'server', 'json', 'held', '', 'protocol_error'],
    ['F1,F2', '', '', 'failed', '', ''],
    ['K5', 'client', 'binary', 'not run', 'needs root', ''],
  ]);
  t.deepEqual(strays, ['lifecycle › F3 is not at the beginning: so it is none']);
});

test('and from what cargo prints', (t) => {
  t.deepEqual(fromCargo(CARGO).map(({ numbers, profile, outcome, reason }: any) => [numbers.join(), profile, outcome, reason]), [
    ['F3', '', 'held', ''],
    ['F10,F11', 'json', 'failed', ''],
    ['S9', '', 'not run', 'needs another user'],
  ]);
});

test('one failure fails a case, and a case that only was not run did not hold', (t) => {
  const results = [...fromTap(TAP, 'loop').results, ...fromCargo(CARGO)];
  const verdicts = judge(['F1', 'F2', 'F3', 'K5', 'C2', 'P1'], results, new Map([['C2', 'no second network']]));
  t.deepEqual([...verdicts].map(([number, { outcome, reason }]: any) => [number, outcome, reason]), [
    ['F1', 'failed', ''],
    ['F2', 'failed', ''],
    ['F3', 'held', ''],
    ['K5', 'not run', 'needs root'],
    ['C2', 'not run', 'no second network'],
    ['P1', 'no test', ''],
  ]);
});

test('the page keeps what people wrote', (t) => {
  const page = "# Page\n\n## Cases that can't run here\n\n- **C2**: no second network\n\n## Results\n\n- **F1**: no excuse\n\n" +
    '<!-- what follows is written by npm run conformance -->\nold\n<!-- up to here -->\nend\n';
  t.deepEqual([...excuses(page)], [['C2', 'no second network']]);
  const written = replacePart(page, 'new');
  t.is(written, page.replace('\nold\n', '\n\nnew\n'));
  t.is(replacePart(written, 'new'), written);
  t.throws(() => replacePart('# Page', 'new'), { message: /needs the lines/ });
});

test('each case has a row, and each way to run it', (t) => {
  const numbers = Object.values(groups).flatMap(({ cases }: any) => Object.keys(cases));
  t.is(numbers.length, 126);
  t.is(new Set(numbers).size, 126);
  const text = render(groups, judge(numbers, fromTap(TAP, 'loop').results, new Map()), 'summary');
  for (const number of numbers) t.true(text.includes(`\n| ${number} | `), number);
  t.true(text.includes('| F1 | server | json | 1 held |  |  | `protocol_error` |'));
});

test('a case of which some tests were not run says why', (t) => {
  const { results } = fromTap('ok 1 - C2: torn\nok 2 - C2: lossy\n#   not run: needs netem\n', 'loop');
  const numbers = Object.values(groups).flatMap(({ cases }: any) => Object.keys(cases));
  t.regex(render(groups, judge(numbers, results, new Map()), 'summary'), /^\| C2 \| .* \| held; in part not run: needs netem \|$/m);
});

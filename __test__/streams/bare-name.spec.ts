import { createRequire } from 'module';
import test from 'ava';

const { bareName } = createRequire(import.meta.url)('../../lib/streams/bare-name.js');

const ON_WINDOWS: [string, string][] = [
  ['report.txt', 'report.txt'],
  ['C:\\windows\\system.ini', 'system.ini'],
  ['C:drive-relative', 'drive-relative'],
  ['report.txt:hidden', 'hidden'],
  ['CON', '_CON'],
  ['con.txt', '_con.txt'],
  ['Aux .log', '_Aux .log'],
  ['NUL.tar.gz', '_NUL.tar.gz'],
  ['COM1', '_COM1'],
  ['lpt9.x', '_lpt9.x'],
  ['com²', '_com²'],
  ['CONOUT$', '_CONOUT$'],
  ['nul. .', '_nul'],
  ['console', 'console'],
  ['com10', 'com10'],
  ['a<b>"c|d?e*f\u0007', 'a_b__c_d_e_f_'],
  ['trailing. . ', 'trailing'],
  ['...', 'file'],
  ['', 'file'],
  ['a\0b', 'ab'],
];

test('on Windows a received name leads to no device, drive or hidden part of a file', (t) => {
  for (const [given, wanted] of ON_WINDOWS) t.is(bareName(given, 'win32'), wanted, JSON.stringify(given));
});

test('elsewhere such names are ordinary', (t) => {
  for (const name of ['CON', 'a<b>', 'trailing.', 'x:y']) t.is(bareName(name, 'linux'), name);
  t.is(bareName('../../etc/passwd', 'linux'), 'passwd');
});

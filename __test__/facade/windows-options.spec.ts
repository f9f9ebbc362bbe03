import { execFile } from 'child_process';
import { createRequire } from 'module';
import { promisify } from 'util';
import test from 'ava';

const PACKAGE = createRequire(import.meta.url).resolve('@push.rocks/smartipc');

/** What constructing an endpoint comes to where the facade takes the system for Windows. */
async function onWindows(kind: 'server' | 'client', options: object) {
  const script = `
    const { IpcServer, IpcClient } = require(${JSON.stringify(PACKAGE)});
    Object.defineProperty(process, 'platform', { value: 'win32' });
    const told = { warnings: [] };
    process.on('warning', ({ name, code, message }) => told.warnings.push({ name, code, message }));
    const options = { id: 'w', socketPath: '\\\\\\\\.\\\\pipe\\\\w', ...${JSON.stringify(options)} };
    try { new (${kind === 'server' ? 'IpcServer' : 'IpcClient'})(options); } catch ({ name, code, message }) { told.error = { name, code, message }; }
    setImmediate(() => console.log(JSON.stringify(told)));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]);
  return JSON.parse(stdout) as { error?: any; warnings: any[] };
}

for (const [kind, name, value] of [
  ['server', 'allowedUids', [1000]],
  ['server', 'allowedGids', [1000]],
  ['client', 'expectServerUid', 1000],
] as const) {
  test(`${name} is refused on Windows, and not left out`, async (t) => {
    const { error } = await onWindows(kind, { [name]: value });
    t.is(error.name, 'IpcError');
    t.is(error.code, 'IPC_ERR_UNSUPPORTED');
    t.true(error.message.startsWith(`${name} is not available on Windows`), error.message);
  });
}

test('a socketMode that lets others in warns on Windows; one for the owner does not', async (t) => {
  const { error, warnings } = await onWindows('server', { socketMode: 0o660 });
  t.is(error, undefined);
  t.is(warnings.length, 1);
  t.is(warnings[0].code, 'IPC_ERR_UNSUPPORTED');
  t.true(warnings[0].message.startsWith('socketMode 0o660 lets others in'), warnings[0].message);
  for (const options of [{}, { socketMode: 0o600 }, { autoCleanupSocketFile: true }]) {
    t.deepEqual(await onWindows('server', options), { warnings: [] });
  }
});

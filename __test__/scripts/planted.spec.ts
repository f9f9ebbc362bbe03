// The bugs that fuzz targets have to find: each patch still fits the code it is for.
import fs from 'fs';
import test from 'ava';

const root = new URL('../../', import.meta.url);
const folder = new URL('fuzz/planted/', root);

/** What a patch expects to find in its file, hunk by hunk. */
function expected(patch: string) {
  const [, file] = /^\+\+\+ b\/(.*)$/m.exec(patch)!;
  const hunks = patch.split(/^@@ .*\n/m).slice(1);
  const before = hunks.map((hunk) => hunk.replace(/^\+.*\n/gm, '').replace(/^[ -]/gm, ''));
  return { file, before };
}

for (const name of fs.readdirSync(folder)) {
  test(`${name} applies`, (t) => {
    const { file, before } = expected(fs.readFileSync(new URL(name, folder), 'utf8'));
    const source = fs.readFileSync(new URL(file, root), 'utf8');
    t.true(before.length > 0);
    for (const text of before) t.true(source.includes(text), `${file} has no such lines:\n${text}`);
  });
}

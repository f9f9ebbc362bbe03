// docs/api.md as data. Its conventions: a heading such as `server.start(options)`
// is a member of that class, and a heading that ends with a type in brackets and
// backticks is followed by a table whose first column has the members of the type.

import fs from 'fs';

/** Who is meant by the first word of a heading. */
const CLASSES = { SmartIpc: 'SmartIpc', server: 'IpcServer', client: 'IpcClient', channel: 'IpcChannel', error: 'IpcError' };

export interface Table {
  /** The header of the first column: option, event, field. */
  kind: string;
  /** The first cells without backticks, and the cells named `default` of their rows. */
  rows: { name: string; preset: string }[];
}

export interface ApiDoc {
  text: string;
  /** By class: the members that have a heading. */
  members: Map<string, string[]>;
  /** By type: its table. */
  tables: Map<string, Table>;
  /** Headings of members without an example. */
  bare: string[];
}

export function readApiDoc(): ApiDoc {
  const text = fs.readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const doc: ApiDoc = { text, members: new Map(), tables: new Map(), bare: [] };
  for (const section of text.split(/^#{2,4} /m).slice(1)) {
    const heading = section.slice(0, section.indexOf('\n'));
    const member = /^(SmartIpc|server|client|channel|error)\.(\w+)/.exec(heading);
    if (member) {
      const owner = CLASSES[member[1] as keyof typeof CLASSES];
      doc.members.set(owner, [...(doc.members.get(owner) || []), member[2]]);
      if (!section.includes('```') && member[1] !== 'error') doc.bare.push(heading);
    }
    const type = /\(`(\w+)`\)$/.exec(heading);
    if (type) doc.tables.set(type[1], table(section));
  }
  return doc;
}

function table(section: string): Table {
  const [head, , ...rows] = section.split('\n').filter((line) => line.startsWith('|')).map(cells);
  const at = head.indexOf('default');
  return { kind: head[0], rows: rows.map((row) => ({ name: row[0].replace(/`/g, ''), preset: at < 0 ? '' : row[at] })) };
}

/** The cells of a row; `\|` is no border. */
function cells(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

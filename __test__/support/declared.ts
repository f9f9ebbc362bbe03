// What the declarations say, as data for tests that compare them with something.

import fs from 'fs';
import { fileURLToPath } from 'url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Member {
  name: string;
  /** The text of its `@default`. */
  preset: string | undefined;
}

export interface Declared {
  /** By class: its own members, without those of EventEmitter that it types anew. */
  classes: Map<string, { members: string[]; statics: string[] }>;
  /** By interface: its own members, and all with those it inherits. */
  interfaces: Map<string, { own: Member[]; all: string[]; declaration: ts.InterfaceDeclaration }>;
  /** The other types that are exported. */
  aliases: string[];
}

/** Reads index.d.ts as the compiler does. */
export function readDeclarations(): Declared {
  const file = `${root}index.d.ts`;
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    types: ['node'],
    typeRoots: [`${root}node_modules/@types`],
  });
  const checker = program.getTypeChecker();
  const declared: Declared = { classes: new Map(), interfaces: new Map(), aliases: [] };
  const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
  for (const exported of checker.getExportsOfModule(module)) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const [declaration] = symbol.declarations!;
    if (ts.isClassDeclaration(declaration)) declared.classes.set(exported.name, classMembers(declaration));
    else if (ts.isInterfaceDeclaration(declaration)) {
      const all = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)).map(({ name }) => name);
      declared.interfaces.set(exported.name, { own: own(declaration), all, declaration });
    } else declared.aliases.push(exported.name);
  }
  return declared;
}

/** The files of declarations, by their paths in the package. */
export function declarationFiles(): string[] {
  const types = fs.readdirSync(`${root}types`, { recursive: true }).map((name) => `types/${name}`);
  return ['index.d.ts', 'index.d.mts', ...types.filter((name) => name.endsWith('.d.ts'))];
}

function classMembers(declaration: ts.ClassDeclaration) {
  const members = new Set<string>();
  const statics = new Set<string>();
  for (const member of declaration.members) {
    if (!member.name) continue;
    const isStatic = ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Static;
    (isStatic ? statics : members).add(member.name.getText());
  }
  return { members: [...members], statics: [...statics] };
}

function own(declaration: ts.InterfaceDeclaration): Member[] {
  const found = new Map<string, Member>();
  for (const member of declaration.members) {
    if (!member.name) continue;
    const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default');
    found.set(member.name.getText(), { name: member.name.getText(), preset: tag && ts.getTextOfJSDocComment(tag.comment) });
  }
  return [...found.values()];
}

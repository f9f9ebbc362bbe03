'use strict';

const js = require('@eslint/js');
const globals = require('globals');

const rules = {
  eqeqeq: 'error',
  'no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
  'no-var': 'error',
  'prefer-const': 'error',
};

// What users load must run on Node 14.17, which has class fields and private
// names, but not the rest of ES2021 and ES2022. Globals it lacks may be looked
// up through globalThis only.
const later = ['AbortController', 'AbortSignal', 'Blob', 'BroadcastChannel', 'DOMException', 'Event', 'EventTarget'];
later.push('ReadableStream', 'TransformStream', 'WritableStream', 'crypto', 'fetch', 'performance', 'structuredClone');
const node14 = {
  ecmaVersion: 2022,
  globals: { ...globals.node, ...Object.fromEntries(later.map((name) => [name, 'off'])) },
};
const node14Rules = {
  'no-restricted-syntax': [
    'error',
    { selector: 'AssignmentExpression[operator=/^(\\?\\?|\\|\\||&&)=$/]', message: 'Node 14 has no logical assignment.' },
    { selector: 'StaticBlock', message: 'Node 14 has no static blocks.' },
    { selector: 'BinaryExpression[operator="in"][left.type="PrivateIdentifier"]', message: 'Node 14 has no private name checks.' },
    { selector: 'CallExpression[callee.property.name=/^(at|findLast|hasOwn|replaceAll)$/]', message: 'Node 14 has no such method.' },
    { selector: 'MemberExpression[object.name="Promise"][property.name="any"]', message: 'Node 14 has no Promise.any.' },
    { selector: 'Literal[value=/^node:/]', message: 'Node 14.17 knows no node: prefix.' },
  ],
};

module.exports = [
  { ignores: ['**/node_modules/', 'target/', '.setup/', 'fuzz/', 'benchmark/results/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  { rules },
  {
    files: ['index.js', 'native.js', 'lib/**/*.js'],
    languageOptions: { ...node14, sourceType: 'commonjs' },
    rules: node14Rules,
  },
  {
    files: ['index.mjs'],
    languageOptions: { ...node14, sourceType: 'module' },
    rules: node14Rules,
  },
  {
    // Runs on an old Node too, to say that it is too old.
    files: ['scripts/setup.js', '__test__/runtimes/**/*.cjs'],
    languageOptions: { ...node14, sourceType: 'commonjs' },
    rules: node14Rules,
  },
  {
    files: ['**/*.js', '**/*.cjs'],
    ignores: ['index.js', 'native.js', 'lib/**', 'scripts/setup.js', '__test__/runtimes/**'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'commonjs', globals: globals.node },
  },
  {
    files: ['**/*.mjs'],
    ignores: ['index.mjs'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: globals.node },
  },
];

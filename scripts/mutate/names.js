'use strict';

// Every public name that the declarations promise, with where it lives.

const fs = require('fs');
const path = require('path');

const ts = require('typescript');

const ROOT = path.join(__dirname, '..', '..');

/** Interfaces whose members are read from an argument: where it is passed. */
const ARGUMENTS = {
  IIpcTransportOptions: 'constructor',
  IIpcChannelOptions: 'constructor',
  IIpcServerOptions: 'constructor',
  IIpcClientOptions: 'constructor',
  IConnectRetryConfig: 'connectRetry',
  IServerStartOptions: 'start',
  IClientConnectOptions: 'connect',
  IIpcRequestOptions: 'request',
  IIpcStreamOptions: 'stream',
  IPipeStreamToFileOptions: 'save',
  IWaitForServerOptions: 'waitForServer',
  ISpawnAndConnectOptions: 'spawnAndConnect',
};
/** Interfaces of events, by class. */
const EVENTS = {
  IIpcServerEvents: 'IpcServer',
  IIpcClientEvents: 'IpcClient',
  IIpcChannelEvents: 'IpcChannel',
};
/** Interfaces of what the package hands out. */
const RESULTS = {
  IIpcServerStats: 'serverStats',
  IIpcClientStats: 'clientStats',
  IIpcMetrics: 'metrics',
  IIpcClientInfo: 'clientInfo',
  IIpcPeerCredentials: 'peer',
  IIpcAddress: 'address',
  ISpawnedServer: 'spawned',
  IIpcMessageContext: 'context',
  IIpcTopicInfo: 'topicInfo',
  IIpcStreamInfo: 'streamInfo',
  IIpcServerStreamInfo: 'streamInfo',
  IIpcStreamProgress: 'progress',
  IIpcOutgoingStream: 'sent',
  IIpcPrimaryChannel: 'primaryChannel',
};
const CLASSES = ['SmartIpc', 'IpcServer', 'IpcClient', 'IpcChannel', 'IpcError'];
/** Inherited, or of no use to switch off. */
const NOT_OURS = new Set(['on', 'once', 'off', 'addListener', 'removeListener', 'prependListener', 'prependOnceListener', 'emit', 'name', 'message']);

/**
 * @returns {{ kind: string, owner: string, name: string }[]}
 */
function publicNames() {
  const found = new Map();
  for (const file of declarationFiles()) {
    const source = ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    source.forEachChild((node) => {
      for (const entry of namesIn(node)) found.set(`${entry.kind} ${entry.owner} ${entry.name}`, entry);
    });
  }
  return [...found.values()];
}

function declarationFiles() {
  const folder = path.join(ROOT, 'types');
  const parts = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('.d.ts')) : [];
  return [path.join(ROOT, 'index.d.ts'), ...parts.map((name) => path.join(folder, name))];
}

function namesIn(node) {
  if (ts.isClassDeclaration(node) && node.name !== undefined && CLASSES.includes(node.name.text)) {
    const owner = node.name.text;
    return members(node).map((name) => ({ kind: 'member', owner, name }));
  }
  if (!ts.isInterfaceDeclaration(node)) return [];
  const { text } = node.name;
  const [kind, owner] =
    text in ARGUMENTS
      ? ['option', ARGUMENTS[text]]
      : text in EVENTS
        ? ['event', EVENTS[text]]
        : text in RESULTS
          ? ['result', RESULTS[text]]
          : ['', ''];
  return kind === '' ? [] : members(node).map((name) => ({ kind, owner, name }));
}

function members(node) {
  const names = node.members
    .filter((member) => member.name !== undefined && (ts.isIdentifier(member.name) || ts.isStringLiteral(member.name)))
    .map((member) => member.name.text);
  return [...new Set(names)].filter((name) => !NOT_OURS.has(name));
}

module.exports = { ROOT, publicNames };

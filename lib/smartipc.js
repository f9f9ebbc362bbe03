'use strict';

const { IpcClient } = require('./client');
const { IpcServer } = require('./server');
const { spawnAndConnect } = require('./spawn');
const { pipeStreamToFile } = require('./streams/save');
const { waitForServer } = require('./wait');

/** The entry point: makes servers and clients, and helps tests. */
class SmartIpc {
  /** @param {any} options see `IIpcServerOptions` */
  static createServer(options) {
    return new IpcServer(options);
  }

  /** @param {any} options see `IIpcClientOptions` */
  static createClient(options) {
    return new IpcClient(options);
  }

  /** Resolves when a server answers, without appearing in its events or counts. */
  static waitForServer(options) {
    return waitForServer(options);
  }

  /** Runs a server script in a child process and connects a client to it. */
  static spawnAndConnect(options) {
    return spawnAndConnect(options);
  }

  /** Saves a stream under a path, all or nothing. */
  static pipeStreamToFile(readable, filePath, options) {
    return pipeStreamToFile(readable, filePath, options);
  }
}

module.exports = { SmartIpc };

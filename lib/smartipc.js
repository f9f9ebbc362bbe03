'use strict';

// What many programs never use is loaded when it is called: each file adds to the
// time of a start.
const { IpcClient } = require('./client');
const { IpcServer } = require('./server');

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

  /** @param {any} options see `IIpcChannelOptions` */
  static createChannel(options) {
    const { IpcChannel } = require('./channel');
    return new IpcChannel(options);
  }

  /** Resolves when a server answers, without appearing in its events or counts. */
  static waitForServer(options) {
    return require('./wait').waitForServer(options);
  }

  /** Runs a server script in a child process and connects a client to it. */
  static spawnAndConnect(options) {
    return require('./spawn').spawnAndConnect(options);
  }

  /** Saves a stream under a path, all or nothing. */
  static pipeStreamToFile(readable, filePath, options) {
    return require('./streams/save').pipeStreamToFile(readable, filePath, options);
  }
}

module.exports = { SmartIpc };

'use strict';

const { SmartIpc } = require('./lib/smartipc');
const { IpcServer } = require('./lib/server');
const { IpcClient } = require('./lib/client');
const { IpcError } = require('./lib/errors');

module.exports = {
  SmartIpc,
  IpcServer,
  IpcClient,
  IpcError,
  // Loaded when somebody asks for it.
  get IpcChannel() {
    return require('./lib/channel').IpcChannel;
  },
};

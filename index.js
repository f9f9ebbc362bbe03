'use strict';

const { SmartIpc } = require('./lib/smartipc');
const { IpcServer } = require('./lib/server');
const { IpcClient } = require('./lib/client');
const { IpcChannel } = require('./lib/channel');
const { IpcError } = require('./lib/errors');

module.exports = { SmartIpc, IpcServer, IpcClient, IpcChannel, IpcError };

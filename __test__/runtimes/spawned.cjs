'use strict';

// The server script of a user who calls spawnAndConnect.

const { SmartIpc } = require('@push.rocks/smartipc');

const server = SmartIpc.createServer({ id: 'spawned', socketPath: process.env.SOCKET_PATH });
server.onMessage('ping', () => ({ pong: process.pid }));
server.start();

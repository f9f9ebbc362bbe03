// The package as CommonJS requires it, under Node's rules.

import smartipc = require('@push.rocks/smartipc');

const options: smartipc.IIpcClientOptions = { id: 'common' };
export const client: smartipc.IpcClient = smartipc.SmartIpc.createClient(options);

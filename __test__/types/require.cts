// The package as CommonJS requires it under Node's own rules.

import smartipc = require('@push.rocks/smartipc');
import { SmartIpc } from '@push.rocks/smartipc';

const options: smartipc.IIpcClientOptions = { id: 'library' };
const client: smartipc.IpcClient = smartipc.SmartIpc.createClient(options);
const sameClass: typeof SmartIpc = smartipc.SmartIpc;

// @ts-expect-error only the ES module has a default
smartipc.default;

export { client, sameClass };

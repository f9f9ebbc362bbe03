// The package as an ES module imports it under Node's own rules.

import facade, { IpcClient, IpcError, IpcServer, SmartIpc } from '@push.rocks/smartipc';
import * as all from '@push.rocks/smartipc';
import type { IIpcServerOptions } from '@push.rocks/smartipc';

const options: IIpcServerOptions = { id: 'library' };
const named: IpcServer = SmartIpc.createServer(options);
const byDefault: IpcServer = facade.SmartIpc.createServer(options);
const client: IpcClient = new facade.IpcClient({ id: 'library' });
const sameClass: typeof IpcError = facade.IpcError;
const inNamespace: typeof SmartIpc = all.default.SmartIpc;

// @ts-expect-error there is one default only
facade.default;

export { byDefault, client, inNamespace, named, sameClass };

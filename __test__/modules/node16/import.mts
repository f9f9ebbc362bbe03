// The package as an ES module imports it, under Node's rules.

import facade, { IpcClient, IpcServer, SmartIpc } from '@push.rocks/smartipc';
import type { IIpcServerOptions } from '@push.rocks/smartipc';

const options: IIpcServerOptions = { id: 'module' };
export const named: IpcServer = SmartIpc.createServer(options);
export const byDefault: IpcClient = new facade.IpcClient({ id: 'module' });

// The types of index.mjs: those of index.js under their names, and a default.

import { IpcChannel, IpcClient, IpcError, IpcServer, SmartIpc } from './index.js';

export * from './index.js';

declare const facade: {
  readonly SmartIpc: typeof SmartIpc;
  readonly IpcServer: typeof IpcServer;
  readonly IpcClient: typeof IpcClient;
  readonly IpcChannel: typeof IpcChannel;
  readonly IpcError: typeof IpcError;
};
export default facade;

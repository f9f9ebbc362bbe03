import facade from './index.js';

export const { SmartIpc, IpcServer, IpcClient, IpcChannel, IpcError } = facade;
export default facade;

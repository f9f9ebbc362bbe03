import facade from './index.js';

export const { SmartIpc, IpcServer, IpcClient, IpcError } = facade;
export default facade;

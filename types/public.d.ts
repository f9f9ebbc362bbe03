// What the package exports.

export { SmartIpc, ISpawnAndConnectOptions, ISpawnedServer, IWaitForServerOptions } from './smartipc';
export {
  IIpcAddress,
  IIpcClientInfo,
  IIpcPrimaryChannel,
  IIpcServerEvents,
  IIpcServerStats,
  IpcServer,
  IServerStartOptions,
} from './server';
export { IClientConnectOptions, IIpcClientEvents, IIpcClientStats, IpcClient } from './client';
export { IIpcChannelEvents, IpcChannel } from './channel';
export {
  IConnectRetryConfig,
  IIpcChannelOptions,
  IIpcClientOptions,
  IIpcServerOptions,
  IIpcTlsOptions,
  IIpcTransportOptions,
} from './options';
export {
  IIpcIncomingStream,
  IIpcOutgoingStream,
  IIpcServerStreamInfo,
  IIpcStreamInfo,
  IIpcStreamOptions,
  IIpcStreamProgress,
  IIpcWebStreamLike,
  IPipeStreamToFileOptions,
  IpcStreamSource,
} from './streams';
export {
  IIpcAbortSignalLike,
  IIpcMessageContext,
  IIpcMessageEnvelope,
  IIpcPeerCredentials,
  IIpcRequestOptions,
  IIpcTopicInfo,
  IpcAbortSignal,
  IpcHeaders,
} from './messages';
export { IIpcMetrics, IpcCloseReason } from './metrics';
export { IIpcErrorDetails, IIpcEventError, IpcError, IpcErrorCode, IpcErrorOrigin } from './errors';
export { IIpcContract } from './contract';

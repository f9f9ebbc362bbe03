// The package as a project with a bundler imports it.

import facade, { IpcError, SmartIpc } from '@push.rocks/smartipc';
import type { IpcServer } from '@push.rocks/smartipc';

export const server: IpcServer = SmartIpc.createServer({ id: 'bundled' });
export const sameClass: typeof IpcError = facade.IpcError;

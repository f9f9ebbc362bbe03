// The declarations against the code: every method is there, and no other.

import * as declared from '@push.rocks/smartipc';
import * as server from '../../lib/server.js';
import * as client from '../../lib/client.js';
import * as errors from '../../lib/errors.js';
import * as smartipc from '../../lib/smartipc.js';
import { same, some } from './equal.ts';

/** Names that users may see: private ones start with an underscore. */
type Public<T> = Exclude<keyof T, `_${string}` | 'prototype'>;

/** Public by name, but for the insides of the library. */
type Inside = 'dirty' | 'flush' | 'receive';
type Channel = ReturnType<typeof smartipc.SmartIpc.createChannel>;

same<Exclude<Public<server.IpcServer>, Inside>, Public<declared.IpcServer>>(true);
same<Exclude<Public<client.IpcClient>, Inside>, Public<declared.IpcClient>>(true);
same<Exclude<Public<Channel>, Inside>, Public<declared.IpcChannel>>(true);
same<Public<typeof smartipc.SmartIpc>, Public<typeof declared.SmartIpc>>(true);
same<Public<errors.IpcError> | 'mayHaveRun' | 'cause', Public<declared.IpcError>>(true);

// The code takes the arguments and gives the results that are declared.
const servers: declared.IpcServer[] = [some<server.IpcServer>()];
const clients: declared.IpcClient[] = [some<client.IpcClient>()];

const channels: declared.IpcChannel[] = [some<Channel>()];

export { channels, clients, servers };

// IpcError and what it tells.

import { IpcError } from '@push.rocks/smartipc';
import type { IpcErrorCode, IpcErrorOrigin } from '@push.rocks/smartipc';
import { same, some } from './equal.ts';

const thrown = some<unknown>();
if (thrown instanceof IpcError) {
  const error: Error = thrown;
  same<typeof thrown.origin, IpcErrorOrigin>(true);
  same<typeof thrown.mayHaveRun, true | undefined>(true);
  same<typeof thrown.message, string>(true);
  const text: string = thrown.code;
  const known: boolean = thrown.code === 'IPC_ERR_TIMEOUT' || thrown.code === 'EADDRINUSE';
  console.log(error, text, known, thrown.cause);

  // @ts-expect-error no such origin
  console.log(thrown.origin === 'network');
  // @ts-expect-error a code never changes
  thrown.code = 'IPC_ERR_TIMEOUT';
}

const code: IpcErrorCode = 'IPC_ERR_BACKPRESSURE';
// @ts-expect-error Node owns this prefix
const nodes: IpcErrorCode = 'ERR_IPC_CHANNEL_CLOSED';

new IpcError('EIO', 'Broken', { origin: 'io', mayHaveRun: true, cause: thrown });
// @ts-expect-error no such origin
new IpcError('EIO', 'Broken', { origin: 'network' });
// @ts-expect-error the message is missing
new IpcError('EIO');

export { code, nodes };

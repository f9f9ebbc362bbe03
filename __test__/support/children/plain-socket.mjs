// Listens without the library, so that killing it leaves a plain stale socket: config { socketPath }.
import net from 'net';
import { config, report } from './report.mjs';

net.createServer().listen(config.socketPath, () => report('ready'));

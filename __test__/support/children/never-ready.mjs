// Runs without ever serving. Whoever listens on its leash sees it die: config { leash }.
import net from 'net';
import { config } from './report.mjs';

net.connect(config.leash);

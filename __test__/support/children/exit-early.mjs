// A server program that gives up: config { exitCode, complaint }.
import { config } from './report.mjs';

process.stderr.write(`${config.complaint}\n`, () => process.exit(config.exitCode));

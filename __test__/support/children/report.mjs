// What every child program shares: its configuration and its way to report.

export const config = JSON.parse(process.env.IPC_TEST_CONFIG || '{}');

export function report(event, details = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...details })}\n`);
}

export function describe(error) {
  return { name: error.name, message: error.message, code: error.code, mayHaveRun: error.mayHaveRun };
}

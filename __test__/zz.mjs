import { SmartIpc } from '@push.rocks/smartipc';
const s=SmartIpc.createServer({id:'a',socketPath:'/tmp/acc-s/x.sock',socketMode:0o660});
await s.start(); console.log('up'); await s.stop();

import test from 'ava';
// @ts-ignore: internal, for the Node versions that have no AbortController
import abort from '../../lib/abort.js';

const { Controller } = abort as any;

test('the substitute tells listeners once, and those that were removed never', (t) => {
  const controller = new Controller();
  const heard: string[] = [];
  const removed = () => heard.push('removed');
  controller.signal.addEventListener('abort', () => heard.push('listener'), { once: true });
  controller.signal.addEventListener('abort', removed);
  controller.signal.removeEventListener('abort', removed);
  controller.signal.onabort = () => heard.push('onabort');

  controller.abort('why');
  controller.abort('again');

  t.deepEqual(heard, ['onabort', 'listener']);
  t.true(controller.signal.aborted);
  t.is(controller.signal.reason, 'why');
  t.false(new Controller().signal.aborted);
});

'use strict';

/** The promise of every one-way call that was accepted at once. */
const ACCEPTED = Promise.resolve();

/**
 * The promise of a one-way call that may still fail. It never causes an
 * unhandled rejection; whoever made it can ask whether anybody waits.
 */
class OneWayPromise extends Promise {
  then(onFulfilled, onRejected) {
    this.watched = true;
    return super.then(onFulfilled, onRejected);
  }

  static get [Symbol.species]() {
    return Promise;
  }
}

/**
 * @param {(error: Error) => void} unwatched called with the failure if nobody waits
 */
function oneWay(unwatched) {
  /** @type {any} */
  let settle;
  const promise = new OneWayPromise((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Marks it as handled without counting as somebody who waits.
  Promise.prototype.then.call(promise, undefined, () => {});
  /** @type {any} */ (promise).watched = false;
  return {
    promise,
    resolve: settle.resolve,
    reject(error) {
      settle.reject(error);
      // After microtasks: `await` looks at the promise in one of them.
      setImmediate(() => {
        if (!(/** @type {any} */ (promise).watched)) unwatched(error);
      });
    },
  };
}

module.exports = { ACCEPTED, oneWay };

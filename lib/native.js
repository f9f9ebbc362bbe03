'use strict';

// The addon as the rest of the package calls it: what has been collected goes over first,
// so that no call can overtake a message, or finds it missing.

const addon = require('../native');
const { handOver } = require('./collected');

/** @type {any} */
const native = {};
for (const [name, call] of Object.entries(addon)) {
  native[name] = (...args) => {
    handOver();
    return call(...args);
  };
}

module.exports = native;

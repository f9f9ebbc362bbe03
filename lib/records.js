'use strict';

// The layout of what the native side hands over; src/binding/pack.rs writes it.

module.exports = {
  // Words before the first record.
  PREFIX: 4,
  // Words per record: kind, conn, id, name, encoding, at, length, headers.
  RECORD: 8,

  MESSAGE: 1,
  REQUEST: 2,
  RESPONSE: 3,
  FAILED: 4,
  CANCELLED: 5,
  TOPIC: 6,
  DRAINED: 7,
  HEARTBEAT_TIMEOUT: 8,
  CONNECTED: 9,
  DISCONNECTED: 10,
  RECONNECTING: 11,
  SETTLED: 12,
  FAULT: 13,
  GAVE_UP: 14,
  HOSTING: 15,
  // Streams from here on: told apart by their order.
  STREAM_OPEN: 16,
  STREAM_READABLE: 17,
  STREAM_FAILED: 18,
  STREAM_ROOM: 19,
  STREAM_DONE: 20,
  STREAM_CANCELLED: 21,

  // Flags: the payload, or the name, is among the extras.
  IN_EXTRAS: 0x100,
  NAME_IN_EXTRAS: 0x80000000,

  // In the word of the encoding: the payload is one of a run, see src/binding/runs.rs.
  IN_RUN: 0x10000,
  PLACE_IN_RUN: 16,
  TEXTS_IN_RUN: 24,

  // What reading from a stream finds instead of bytes.
  NOTHING: 0,
  END: 1,
  GONE: 2,

  // What a call returns: a number, or an error as JSON text.
  ACCEPTED: 0,
  WAIT: 1,
  QUEUED: 2,
  // Added to it: the output has to be flushed by this side.
  TO_FLUSH: 4,
  // Added to it: small messages to that peer may be collected.
  ROOM_FOR_BATCH: 8,
};

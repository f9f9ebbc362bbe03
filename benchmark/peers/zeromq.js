'use strict';

// ZeroMQ: a DEALER and a ROUTER for requests and messages, a PUB and SUBs for broadcasts and
// topics, on the next address. Messages are multipart: a head as JSON, then the payload.

const { Pending, answerOf } = require('./pending.js');

const MAX_SOCKETS = 4096; // its default of 1023 is too few for the rows with many clients
const UNBOUNDED = 0; // of more than 1,000 messages that wait it drops some by default; here all have to arrive

module.exports = {
  title: '`zeromq` over ipc: DEALER and ROUTER, PUB and SUB',
  package: 'zeromq',
  does: ['requests', 'oneway', 'tcp', 'clients', 'broadcast', 'topics', 'require'],
  buffers: true,

  async serve(address, handlers, sink) {
    const zmq = load();
    const router = new zmq.Router({ linger: 0 });
    await router.bind(urlOf(address));
    const sending = new Sending(router);
    receive(router, async ([identity, head, data]) => {
      const { id, type } = JSON.parse(head);
      const answer = await answerOf(handlers, type, decoded(data));
      if (id === undefined) return;
      const { payload, ...rest } = answer;
      sending.send([identity, JSON.stringify({ replyTo: id, ...rest }), encoded(payload)]);
    });
    if (!sink.fanout) return {};

    const publisher = new zmq.Publisher({ linger: 0, sendHighWaterMark: UNBOUNDED });
    await publisher.bind(urlOf(second(address)));
    const published = new Sending(publisher);
    const publish = (topic, payload) => published.send([topic, encoded(payload)]);
    return { broadcast: publish, publish };
  },

  async connect(address) {
    const zmq = load();
    const dealer = new zmq.Dealer({ linger: 0 });
    dealer.connect(urlOf(address));
    const sending = new Sending(dealer);
    const pending = new Pending();
    receive(dealer, ([head, data]) => {
      const { replyTo, error } = JSON.parse(head);
      pending.settle(replyTo, decoded(data), error);
    });
    const send = (message, payload) => sending.send([JSON.stringify(message), encoded(payload)]);

    let subscriber;
    const subscribe = async (topic, handler) => {
      subscriber = new zmq.Subscriber({ linger: 0, receiveHighWaterMark: UNBOUNDED });
      subscriber.connect(urlOf(second(address)));
      subscriber.subscribe(topic);
      receive(subscriber, ([_topic, data]) => handler(decoded(data)));
    };
    return {
      request: (type, payload) => pending.request((id) => send({ id, type }, payload)),
      send: (type, payload) => void send({ type }, payload),
      sendAndWait: (type, payload) => send({ type }, payload),
      sendAccepted: (type, payload) => send({ type }, payload),
      on: subscribe,
      subscribe,
      close() {
        dealer.close();
        subscriber?.close();
      },
    };
  },
};

/** A socket takes one message at a time; its documentation asks for a queue like this. */
class Sending {
  constructor(socket) {
    this.socket = socket;
    this.last = undefined;
  }

  send(parts) {
    const sent = this.last === undefined ? this.socket.send(parts) : this.last.then(() => this.socket.send(parts));
    this.last = sent;
    const done = () => {
      if (this.last === sent) this.last = undefined;
    };
    sent.then(done, done);
    return sent;
  }
}

async function receive(socket, handle) {
  for await (const parts of socket) handle(parts);
}

function encoded(payload) {
  if (payload === undefined) return '';
  return Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
}

/** JSON begins with one of a few bytes; the Buffers of the benchmark begin with 0. */
function decoded(data) {
  if (data.length === 0) return undefined;
  return data[0] === 0 ? data : JSON.parse(data);
}

function urlOf({ path, host, port }) {
  return path ? `ipc://${path}` : `tcp://${host}:${port}`;
}

function second({ path, host, port }) {
  return path ? { path: `${path}.pub` } : { host, port: port + 1 };
}

function load() {
  const zmq = require('zeromq');
  zmq.context.maxSockets = MAX_SOCKETS;
  return zmq;
}

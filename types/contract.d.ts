// Typed contracts: which messages and topics there are, and what they carry.
// All of it is for the compiler; nothing is checked at run time.

import { IIpcMessageContext } from './messages';

/**
 * What two ends have agreed to say to each other. Given as a type argument to
 * `createServer`, `createClient` or `createChannel`, it types every message and
 * topic, and names that are not in it don't compile.
 *
 * ```ts
 * interface Contract {
 *   messages: {
 *     getUser: [{ id: string }, { name: string }]; // request, response
 *     log: [string];                               // one-way
 *   };
 *   topics: {
 *     'user.login': { id: string };
 *     'room.*': { text: string }; // room.1, room.2, …
 *   };
 * }
 * const client = SmartIpc.createClient<Contract>({ id: 'users' });
 * const { name } = await client.request('getUser', { id: '7' });
 * ```
 *
 * Where `messages` or `topics` is missing, any name and payload will do; so they
 * do without a contract.
 */
export interface IIpcContract {
  /** By message type: `[request, response]`, or `[payload]` of a one-way message. Both directions. */
  messages?: { [type: string]: any };
  /** By topic, or by pattern for a family of topics: the payload. */
  topics?: { [topic: string]: any };
}

/** A map that any name is in. */
export interface IOpenMap {
  [name: string]: any;
}

/** The part of a contract called `Part`; an open map where it has none. */
export type PartOf<C, Part extends 'messages' | 'topics'> = 0 extends 1 & C
  ? IOpenMap
  : C extends { [P in Part]: infer Map }
  ? Map
  : IOpenMap;

/** The names in a map; `never` if it is open. */
export type NamesOf<Map> = string extends keyof Map ? never : keyof Map & string;

/** `string` if the map is open, else `never`. */
export type AnyName<Map> = string extends keyof Map ? string : never;

/** The message types that a contract names. */
export type MessageType<C> = NamesOf<PartOf<C, 'messages'>>;

/** `string` if the contract leaves messages open, else `never`. */
export type AnyMessageType<C> = AnyName<PartOf<C, 'messages'>>;

/** What a message of the type carries. */
export type RequestOf<C, K extends MessageType<C>> = PartOf<C, 'messages'>[K] extends readonly [infer Req, ...any[]]
  ? Req
  : never;

/** What a request of the type is answered with; `void` for a one-way message. */
export type ResponseOf<C, K extends MessageType<C>> = PartOf<C, 'messages'>[K] extends readonly [any, infer Res, ...any[]]
  ? Res
  : void;

/**
 * The handlers of a server by message type. They are looked up in a map because
 * the compiler then knows the answer when it looks at a handler, and keeps
 * `'done'` from becoming `string`.
 */
export type ServerHandlers<C> = {
  [K in MessageType<C>]: (
    payload: RequestOf<C, K>,
    clientId: string,
    context: IIpcMessageContext
  ) => HandlerResult<ResponseOf<C, K>>;
};

/** The handlers of a client or channel by message type. */
export type ClientHandlers<C> = {
  [K in MessageType<C>]: (payload: RequestOf<C, K>, context: IIpcMessageContext) => HandlerResult<ResponseOf<C, K>>;
};

/** What a handler may return; for a one-way message anything, for it is dropped. */
export type HandlerResult<Res> = [Res] extends [void] ? void : Res | PromiseLike<Res>;

/** `string` if the contract leaves topics open, else `never`. */
export type AnyTopic<C> = AnyName<PartOf<C, 'topics'>>;

/** `Topic` if the contract lets it be published, else `never`. */
export type PublishedTopic<C, Topic> = TopicMatch<PartOf<C, 'topics'>, Topic>['published'];

/** `Topic` if a topic of the contract can match it, else `never`. */
export type SubscribedTopic<C, Topic> = TopicMatch<PartOf<C, 'topics'>, Topic>['subscribed'];

/** What messages of a topic, or of all topics that match a pattern, carry. */
export type TopicPayload<C, Topic> = TopicMatch<PartOf<C, 'topics'>, Topic>['payload'];

/**
 * How a topic or pattern and the topics of a contract go together. What fills
 * it depends on the version of TypeScript: wildcards.d.ts, or ts4.0/wildcards.d.ts
 * where there are no template literal types.
 */
export interface TopicMatch<Topics, Topic> {}

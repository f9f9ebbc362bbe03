// Which topics of a contract a topic or pattern means. For TypeScript 4.1 and
// later, which can take names apart at their dots.

import { NamesOf } from './contract';

declare module './contract' {
  interface TopicMatch<Topics, Topic> {
    published: IsPattern<Topic> extends true ? never : [Meant<NamesOf<Topics>, Topic>] extends [never] ? never : Topic;
    subscribed: [NamesOf<Topics>] extends [never]
      ? never
      : string extends Topic
      ? Topic
      : [Meant<NamesOf<Topics>, Topic>] extends [never]
      ? never
      : Topic;
    payload: string extends Topic ? unknown : Topics[Meant<NamesOf<Topics>, Topic> & keyof Topics];
  }
}

/** Those of the names that have topics in common with a topic or pattern. */
type Meant<Names, Topic> = Names extends string ? (Overlap<Segments<Names>, Segments<Topic>> extends true ? Names : never) : never;

/** The segments of a topic or pattern, which dots separate. */
type Segments<Topic> = Topic extends `${infer Head}.${infer Rest}` ? [Head, ...Segments<Rest>] : [Topic];

/** Whether two patterns have a topic in common: `*` is one segment, `**` any number, none included. */
type Overlap<A, B> = A extends ['**', ...infer RestA]
  ? B extends [any, ...infer RestB]
    ? Overlap<RestA, B> extends true
      ? true
      : Overlap<A, RestB>
    : Overlap<RestA, []>
  : B extends ['**', ...any[]]
  ? Overlap<B, A>
  : A extends [infer HeadA, ...infer RestA]
  ? B extends [infer HeadB, ...infer RestB]
    ? HeadA extends HeadB | '*'
      ? Overlap<RestA, RestB>
      : HeadB extends '*'
      ? Overlap<RestA, RestB>
      : false
    : false
  : B extends []
  ? true
  : false;

/** Whether a topic has wildcards, and so can't be published to. */
type IsPattern<Topic> = '*' extends Segment<Topic> ? true : '**' extends Segment<Topic> ? true : false;

/** Any one segment of a topic. */
type Segment<Topic> = Topic extends `${infer Head}.${infer Rest}` ? Head | Segment<Rest> : Topic;

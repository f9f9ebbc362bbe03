// In place of ../wildcards.d.ts for TypeScript 4.0, which can't take names apart:
// what is not a name of the contract may be a pattern, and means all of them.

import { NamesOf } from '../contract';

declare module '../contract' {
  interface TopicMatch<Topics, Topic> {
    published: [NamesOf<Topics>] extends [never] ? never : Topic;
    subscribed: [NamesOf<Topics>] extends [never] ? never : Topic;
    payload: string extends Topic ? unknown : Topics[(Topic extends keyof Topics ? Topic : NamesOf<Topics>) & keyof Topics];
  }
}

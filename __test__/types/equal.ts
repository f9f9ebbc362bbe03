// Helpers of the type tests. tsc checks these files; nothing runs them.

/** Whether two types are the same; `any` equals only itself. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles with `true` if both types are the same, else with `false`. */
export declare function same<A, B>(answer: Equal<A, B>): void;

/** A value of any type that a test needs. */
export declare function some<T>(): T;

// Events whose arguments are known by their names.

import { EventEmitter } from 'events';

/**
 * An EventEmitter that knows its events. Other names are possible too, with any
 * arguments: the events of a subclass, for instance.
 *
 * Each method has two signatures for the known events. The first is for nearly
 * all calls: TypeScript 4.7 to 4.9 mix up the arguments of the second. That one is
 * for listeners of events that are known by a type parameter only.
 */
export class TypedEmitter<Events extends { [E in keyof Events]: any[] }> extends EventEmitter {
  addListener<E extends keyof Events>(event: E, listener: Listener<Events[E]>): this;
  addListener<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): this;
  addListener<E extends string | symbol>(event: Unknown<E, Events>, listener: (...args: any[]) => void): this;

  on<E extends keyof Events>(event: E, listener: Listener<Events[E]>): this;
  on<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): this;
  on<E extends string | symbol>(event: Unknown<E, Events>, listener: (...args: any[]) => void): this;

  once<E extends keyof Events>(event: E, listener: Listener<Events[E]>): this;
  once<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): this;
  once<E extends string | symbol>(event: Unknown<E, Events>, listener: (...args: any[]) => void): this;

  prependListener<E extends keyof Events>(event: E, listener: Listener<Events[E]>): this;
  prependListener<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): this;
  prependListener<E extends string | symbol>(event: Unknown<E, Events>, listener: (...args: any[]) => void): this;

  prependOnceListener<E extends keyof Events>(event: E, listener: Listener<Events[E]>): this;
  prependOnceListener<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): this;
  prependOnceListener<E extends string | symbol>(event: Unknown<E, Events>, listener: (...args: any[]) => void): this;

  off<E extends keyof Events>(event: E, listener: Listener<Events[E]>): this;
  off<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): this;
  off<E extends string | symbol>(event: Unknown<E, Events>, listener: (...args: any[]) => void): this;

  removeListener<E extends keyof Events>(event: E, listener: Listener<Events[E]>): this;
  removeListener<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): this;
  removeListener<E extends string | symbol>(event: Unknown<E, Events>, listener: (...args: any[]) => void): this;

  emit<E extends keyof Events>(event: E, ...args: Events[E]): boolean;
  emit<E extends string | symbol>(event: Unknown<E, Events>, ...args: any[]): boolean;
}

/** A function that takes the arguments. */
export type Listener<Args> = [Args] extends [any[]] ? (...args: Args) => void : never;

/** Event names that are not among the known ones. */
export type Unknown<E, Events> = E extends keyof Events ? never : E;

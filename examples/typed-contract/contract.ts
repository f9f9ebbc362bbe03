// What server and clients have agreed on. Types only: nothing of it exists at run time.

export interface Todo {
  id: number;
  text: string;
  done: boolean;
}

export interface Contract {
  messages: {
    // request, response
    add: [{ text: string }, Todo];
    finish: [{ id: number }, 'finished' | 'unknown'];
    list: [{ done?: boolean }, Todo[]];
    // one-way
    note: [string];
  };
  topics: {
    'todo.added': Todo;
    'todo.finished': { id: number };
    // todo.1.comment, todo.2.comment, …
    'todo.*.comment': { text: string };
  };
}

// People whose comments this browser doesn't show. Nobody else is told.

import { forGood } from './memory.js';

const MUTED_MAX = 200;

export class Muted {
  ids = new Set(forGood.recallList('muted'));

  list() {
    return forGood.recallList('muted');
  }

  mute(id) {
    this.ids.add(id);
    this.#keep([id, ...this.#others(id)]);
  }

  unmute(id) {
    this.ids.delete(id);
    this.#keep(this.#others(id));
  }

  /** As they are kept now: other tabs mute as well, and `ids` are those since this page began. */
  #others(id) {
    return this.list().filter((other) => other !== id);
  }

  #keep(list) {
    forGood.rememberList('muted', list, MUTED_MAX);
  }
}

// People whose comments this browser doesn't show. Nobody else is told.

import { forGood } from './memory.js';

const MUTED_MAX = 200;

export class Muted {
  ids = new Set(forGood.recallList('muted'));

  list() {
    return [...this.ids];
  }

  mute(id) {
    this.ids.add(id);
    this.#keep();
  }

  unmute(id) {
    this.ids.delete(id);
    this.#keep();
  }

  #keep() {
    forGood.rememberList('muted', [...this.ids].reverse(), MUTED_MAX);
  }
}

// A card: one thing that the room shows beside its comments. It comes when the server sends it, and
// may be folded away; on a small screen it comes folded, so that comments have the room.

import { element } from './element.js';
import { icon } from './icons.js';

const isSmall = matchMedia('(max-width: 860px)');

/** A place in `parent` for one kind of card; nothing is there until `show`. */
export class Card {
  #parent;
  #card;

  constructor(parent, kind, mark, title) {
    this.#parent = parent;
    const summary = element('summary', {}, icon(mark), title, icon('chevron'));
    this.#card = element('details', { class: `card ${kind}`, open: !isSmall.matches }, summary);
  }

  show(...children) {
    this.#card.replaceChildren(this.#card.firstElementChild, ...children);
    if (!this.#card.isConnected) this.#parent.append(this.#card);
  }

  hide() {
    this.#card.remove();
  }
}

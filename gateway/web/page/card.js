// A card: one thing that the room shows beside its comments. It comes when the server sends it, and
// may be folded away; on a small screen it comes folded, so that comments have the room.

import { element } from './element.js';
import { icon } from './icons.js';

const isSmall = matchMedia('(max-width: 860px)');

/** A place in `parent` for one kind of card; nothing is there until `show`. */
export class Card {
  #parent;
  #card;
  #title = element('span', { dir: 'auto' });

  /** `isOpen`: unfolded on a small screen as well. */
  constructor(parent, kind, mark, title, isOpen = !isSmall.matches) {
    this.#parent = parent;
    this.#title.textContent = title;
    const summary = element('summary', {}, icon(mark), this.#title, icon('chevron'));
    this.#card = element('details', { class: `card ${kind}`, open: isOpen }, summary);
  }

  set title(words) {
    this.#title.textContent = words;
  }

  show(...children) {
    this.#card.replaceChildren(this.#card.firstElementChild, ...children);
    if (!this.#card.isConnected) this.#parent.append(this.#card);
  }

  hide() {
    this.#card.remove();
  }
}

// What a comment answers, above it: from what the page holds, else asked for, a few at a time.

import { element } from './element.js';
import { icon } from './icons.js';

const ASKING_MAX = 4;
const KNOWN_MAX = 500;
const EXCERPT_MAX = 140;

export class Quotes {
  #room;
  #timeline;
  #goTo;
  #known = new Map();
  #waiting = [];
  #asking = 0;

  /** `goTo(id)` when a quote is clicked. */
  constructor(room, timeline, goTo) {
    this.#room = room;
    this.#timeline = timeline;
    this.#goTo = goTo;
  }

  /** The quote's element; `found(original)` as soon as it is known. */
  of(id, found) {
    const words = element('span', {}, '…');
    const quote = element(
      'button',
      { class: 'quote', type: 'button', tabindex: '-1', onclick: () => this.#goTo(id) },
      icon('reply'),
      words,
    );
    const show = (original) => {
      if (!original) return words.replaceChildren('a comment that was deleted');
      const name = element('b', { dir: 'auto' }, original.author.name);
      words.replaceChildren(original.text.slice(0, EXCERPT_MAX).replaceAll('\n', ' '));
      words.dir = 'auto';
      words.before(name);
      found(original);
    };
    this.#look(id, show);
    return quote;
  }

  /** A deleted comment is quoted nowhere any more. */
  forget(id) {
    this.#known.set(id, null);
    for (const quote of document.querySelectorAll('.comment .quote')) {
      if (quote.closest('.comment').comment?.reply_to !== id) continue;
      quote.querySelector('b')?.remove();
      quote.querySelector('span').replaceChildren('a comment that was deleted');
    }
  }

  /** Nor is anyone whose comments are hidden; `ids` are those the page knows of. */
  forgetAuthor(author) {
    const known = [...this.#known.values(), ...this.#timeline.items];
    for (const comment of known) if (comment?.author.id === author) this.forget(comment.id);
  }

  #look(id, show) {
    const held = this.#timeline.get(id) ?? this.#known.get(id);
    if (held !== undefined) return show(held);
    this.#waiting.push({ id, show });
    // Those of a room that scrolls by faster than it can be asked are no longer on the screen.
    if (this.#waiting.length > KNOWN_MAX) this.#waiting.shift();
    this.#askNext();
  }

  async #askNext() {
    if (this.#asking >= ASKING_MAX) return;
    const next = this.#waiting.pop();
    if (!next) return;
    this.#asking += 1;
    try {
      const original = this.#known.get(next.id) ?? (await this.#room.one(next.id));
      // It may have been deleted while it was asked for.
      if (this.#known.get(next.id) === undefined) this.#known.set(next.id, original);
      if (this.#known.size > KNOWN_MAX) this.#known.delete(this.#known.keys().next().value);
      next.show(this.#known.get(next.id) ?? null);
    } catch {
      // Its text stays "…"; the comment itself is what matters.
    } finally {
      this.#asking -= 1;
      this.#askNext();
    }
  }
}

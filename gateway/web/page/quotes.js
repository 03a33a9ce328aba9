// What a comment answers, above it: from what the page holds, else asked for, a few at a time.

import { element } from './element.js';
import { icon } from './icons.js';

const ASKING_MAX = 4;
const KNOWN_MAX = 500;
const EXCERPT_MAX = 140;
const shown = () => document.querySelectorAll('.comment .quote');

export class Quotes {
  #room;
  #timeline;
  #goTo;
  #mutedIds;
  /** By id; `null`: deleted. */
  #known = new Map();
  #waiting = [];
  #asking = 0;

  /** `mutedIds`: authors who aren't quoted; `goTo(id)` when a quote is clicked. */
  constructor(room, timeline, mutedIds, goTo) {
    this.#room = room;
    this.#timeline = timeline;
    this.#mutedIds = mutedIds;
    this.#goTo = goTo;
  }

  /** The quote's element; `found(original)` as soon as it is known. */
  of(id, found) {
    const quote = element(
      'button',
      { class: 'quote', type: 'button', tabindex: '-1', onclick: () => this.#goTo(id) },
      icon('reply'),
      element('span', {}, '…'),
    );
    quote.show = (original) => {
      quote.original = original;
      quote.replaceChildren(icon('reply'), ...this.#words(original));
      if (original) found(original);
    };
    this.#look(id, quote.show);
    return quote;
  }

  #words(original) {
    if (!original) return [element('span', {}, 'a comment that was deleted')];
    const { author, text } = original;
    if (this.#mutedIds.has(author.id)) return [element('span', {}, 'someone you muted')];
    const excerpt = text.slice(0, EXCERPT_MAX).replaceAll('\n', ' ');
    return [element('b', { dir: 'auto' }, author.name), element('span', { dir: 'auto' }, excerpt)];
  }

  /** A deleted comment is quoted nowhere any more. */
  forget(id) {
    this.#note(id, null);
    for (const quote of shown()) if (quote.closest('.comment').comment?.reply_to === id) quote.show(null);
  }

  /** Nor is anyone whose comments are hidden. */
  forgetAuthor(author) {
    const known = [...this.#known.values(), ...this.#timeline.items];
    for (const comment of known) if (comment?.author.id === author) this.forget(comment.id);
  }

  /** Somebody is muted, or no more: quotes of them say something else. */
  mutes(author) {
    for (const quote of shown()) if (quote.original?.author.id === author) quote.show(quote.original);
  }

  #note(id, original) {
    this.#known.set(id, original);
    if (this.#known.size > KNOWN_MAX) this.#known.delete(this.#known.keys().next().value);
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
      if (this.#known.get(next.id) === undefined) this.#note(next.id, original);
      next.show(this.#known.get(next.id) ?? null);
    } catch {
      // Its text stays "…"; the comment itself is what matters.
    } finally {
      this.#asking -= 1;
      this.#askNext();
    }
  }
}

// The pinned comment, above all others.

import { nameOf, badgeOf } from './author.js';
import { Card } from './card.js';
import { byId, element } from './element.js';

export class Pinned {
  #card = new Card(byId('chat-cards'), 'pinned', 'pin', 'Pinned', true);
  #look;
  #goTo;
  #id = null;
  #author = null;

  /** `look(id)` finds a comment (`null`: gone); `goTo(id)` shows it among the others. */
  constructor(look, goTo) {
    this.#look = look;
    this.#goTo = goTo;
  }

  /** `id`, or `null`: nothing is pinned. */
  async show(id) {
    this.#id = id;
    this.#author = null;
    if (id === null) return this.#card.hide();
    const comment = await this.#look(id);
    // Another one may have been pinned meanwhile.
    if (this.#id !== id) return;
    if (!comment) return this.#card.hide();
    this.#author = comment.author.id;
    const byline = element('p', { class: 'byline' }, nameOf(comment.author), badgeOf(comment.author));
    const text = element(
      'button',
      {
        class: 'text',
        type: 'button',
        dir: 'auto',
        title: 'Show it among the comments',
        onclick: () => this.#goTo(id),
      },
      comment.text,
    );
    this.#card.show(byline, text);
  }

  /** A deleted comment is not shown here either. */
  removed(id) {
    if (this.#id === id) this.show(null);
  }

  /** Nor one whose author's comments are hidden. */
  removedAuthor(author) {
    if (this.#author === author) this.show(null);
  }
}

// What is not held is asked of history: before the oldest, after the last, or around one comment.

import { byId, element } from './element.js';
import { icon } from './icons.js';

const PAGE = 50;
const PAUSE_MS = 3000;

export class Past {
  #room;
  #timeline;
  #changed;
  #isAsking = false;
  #notBefore = 0;
  /** The room's first comment as far as it is known; `null`: there was none. */
  #first;

  constructor(room, timeline, changed) {
    this.#room = room;
    this.#timeline = timeline;
    this.#changed = changed;
  }

  /** Loads a page before the oldest comment held, until the room's first. */
  older() {
    if (this.#isWhole()) return;
    const oldest = () => this.#timeline.items.find(({ pending }) => !pending)?.id;
    this.#ask('before', oldest, ({ comments, next }) => {
      this.#timeline.prepend(comments);
      if (next === null) this.#first = this.#timeline.items[0]?.id ?? null;
      this.#sayWhere();
    });
  }

  /** Loads a page after the last comment held. */
  newer() {
    const last = () => this.#timeline.items.findLast(({ pending }) => !pending)?.id;
    this.#ask('after', last, ({ comments, next }) => this.#timeline.append(comments, next === null));
  }

  /** Makes the timeline hold this comment with what is around it. */
  async around(comment) {
    const [before, after] = await Promise.all([
      this.#room.history({ before: comment.id, limit: PAGE }),
      this.#room.history({ after: comment.id, limit: PAGE }),
    ]);
    this.#timeline.moveTo([...before.comments.reverse(), comment, ...after.comments], 1);
    if (before.next === null) this.#first = this.#timeline.items[0].id;
    this.#sayWhere();
  }

  #isWhole() {
    return this.#first !== undefined && this.#first === (this.#timeline.items[0]?.id ?? null);
  }

  async #ask(side, edge, take) {
    if (this.#isAsking || performance.now() < this.#notBefore) return;
    this.#isAsking = true;
    const from = edge();
    try {
      if (from) this.#sayWhere();
      const page = await this.#room.history({ [side]: from, limit: PAGE });
      // Another stretch may be held by now, which this page doesn't touch.
      if (edge() === from) take(page);
      this.#changed();
    } catch {
      // The stream goes on; the reader's next move asks again.
      this.#notBefore = performance.now() + PAUSE_MS;
      byId('beginning').replaceChildren('Older comments can’t be loaded right now.');
    } finally {
      this.#isAsking = false;
    }
  }

  #sayWhere() {
    const place = byId('beginning');
    const isEmpty = this.#timeline.items.length === 0;
    place.classList.toggle('alone', isEmpty);
    if (!this.#isWhole()) place.replaceChildren('Loading earlier comments…');
    else if (isEmpty)
      place.replaceChildren(icon('bubble'), element('strong', {}, 'Nobody has said anything yet'), 'Be the first.');
    else place.replaceChildren('This is where the conversation began.');
  }
}

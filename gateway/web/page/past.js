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
  #isWhole = false;
  #notBefore = 0;

  constructor(room, timeline, changed) {
    this.#room = room;
    this.#timeline = timeline;
    this.#changed = changed;
  }

  /** Loads a page before the oldest comment held, until the room's first. */
  older() {
    if (this.#isWhole) return;
    const before = this.#timeline.items.find(({ pending }) => !pending)?.id;
    this.#ask({ before, limit: PAGE }, ({ comments, next }) => {
      this.#timeline.prepend(comments);
      this.#isWhole = next === null;
      this.#sayWhere();
    });
  }

  /** Loads a page after the last comment held. */
  newer() {
    const after = this.#timeline.items.findLast(({ pending }) => !pending)?.id;
    this.#ask({ after, limit: PAGE }, ({ comments, next }) => this.#timeline.append(comments, next === null));
  }

  /** Makes the timeline hold a comment with what is around it; false when it is gone. */
  async around(comment) {
    const [before, after] = await Promise.all([
      this.#room.history({ before: comment.id, limit: PAGE }),
      this.#room.history({ after: comment.id, limit: PAGE }),
    ]);
    this.#isWhole = before.next === null;
    this.#timeline.moveTo([...before.comments.reverse(), comment, ...after.comments], after.next === null ? 0 : 1);
    this.#sayWhere();
  }

  /** The timeline holds the newest again, so there may be more before them. */
  reset() {
    this.#isWhole = false;
    this.#sayWhere();
  }

  async #ask(question, take) {
    if (this.#isAsking || performance.now() < this.#notBefore) return;
    this.#isAsking = true;
    try {
      take(await this.#room.history(question));
      this.#changed();
    } catch {
      // The stream goes on; the reader's next move asks again.
      this.#notBefore = performance.now() + PAUSE_MS;
      this.#sayWhere('Older comments can’t be loaded right now.');
    } finally {
      this.#isAsking = false;
    }
  }

  #sayWhere(trouble) {
    const place = byId('beginning');
    if (trouble) return place.replaceChildren(trouble);
    if (!this.#isWhole) return place.replaceChildren('Loading earlier comments…');
    if (this.#timeline.items.length > 0) return place.replaceChildren('This is where the conversation began.');
    const bubble = element('span', { class: 'bubble' }, icon('bubble'));
    place.replaceChildren(bubble, element('strong', {}, 'Nobody has said anything yet'), 'Be the first.');
  }
}

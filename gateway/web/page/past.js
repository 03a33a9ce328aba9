// What is not held is asked of history: before the oldest, after the last, or around one comment.

import { byId, element } from './element.js';
import { icon } from './icons.js';

const PAGE = 50;
/** History's longest page: where one had nothing to show, the next is worth more at once. */
const PAGE_MAX = 200;
const PAUSE_MS = 3000;
/** Ids are given before a stream's order is: those of neighbours may stand the other way round, so far. */
const SEAM = 30;

/** By side: the id at that end of what is held, and from where history is asked there for the first time. */
const SIDES = {
  before: { edge: (ids) => ids[0], seam: (ids) => ids.slice(0, SEAM).sort().at(-1) },
  after: { edge: (ids) => ids.at(-1), seam: (ids) => ids.slice(-SEAM).sort()[0] },
};

export class Past {
  #room;
  #timeline;
  #changed;
  #isAsking = false;
  #notBefore = 0;
  /** The room's first comment as far as it is known; `null`: there was none. */
  #first;
  /** By side: `{edge, next}`, where history goes on from the edge that its last page left. */
  #on = {};

  constructor(room, timeline, changed) {
    this.#room = room;
    this.#timeline = timeline;
    this.#changed = changed;
  }

  /** Loads a page before the oldest comment held, until the room's first. */
  older() {
    if (this.#isWhole()) return;
    this.#ask('before', ({ comments, next }) => {
      this.#timeline.prepend(comments);
      if (next === null) this.#first = this.#timeline.items[0]?.id ?? null;
      this.#sayWhere();
    });
  }

  /** Loads a page after the last comment held. */
  newer() {
    this.#ask('after', ({ comments, next }) => this.#timeline.append(comments, next === null));
  }

  /** Makes the timeline hold this comment with what is around it. */
  async around(comment) {
    const [before, after] = await Promise.all([
      this.#room.history({ before: comment.id, limit: PAGE }),
      this.#room.history({ after: comment.id, limit: PAGE }),
    ]);
    this.#timeline.moveTo([...before.comments.reverse(), comment, ...after.comments], 1);
    this.#goOn('before', before);
    this.#goOn('after', after);
    if (before.next === null) this.#first = this.#timeline.items[0]?.id ?? null;
    this.#sayWhere();
  }

  /** Asks again for what it passed over: somebody is shown who wasn't. */
  again() {
    this.#first = undefined;
    this.#on = {};
  }

  #isWhole() {
    return this.#first !== undefined && this.#first === (this.#timeline.items[0]?.id ?? null);
  }

  #ids() {
    return this.#timeline.items.filter(({ pending }) => !pending).map(({ id }) => id);
  }

  #edge(side) {
    return SIDES[side].edge(this.#ids());
  }

  /** The edge itself doesn't tell: it stays where it was when a page had nothing but hidden comments. */
  #goOn(side, { next }) {
    this.#on[side] = next === null ? null : { edge: this.#edge(side), next };
  }

  async #ask(side, take) {
    if (this.#isAsking || performance.now() < this.#notBefore) return;
    this.#isAsking = true;
    const edge = this.#edge(side);
    const on = this.#on[side];
    const isOn = on && on.edge === edge;
    const from = isOn ? on.next : SIDES[side].seam(this.#ids());
    try {
      if (edge) this.#sayWhere();
      const page = await this.#room.history({ [side]: from, limit: isOn && on.isBarren ? PAGE_MAX : PAGE });
      // Another stretch may be held by now, which this page doesn't touch.
      if (this.#edge(side) === edge) this.#took(side, page, take);
      this.#changed();
    } catch {
      // The stream goes on; the reader's next move asks again.
      this.#notBefore = performance.now() + PAUSE_MS;
      byId('beginning').replaceChildren('Older comments can’t be loaded right now.');
    } finally {
      this.#isAsking = false;
    }
  }

  #took(side, page, take) {
    const edge = this.#edge(side);
    take(page);
    this.#goOn(side, page);
    if (this.#edge(side) !== edge) return;
    if (page.next !== null) this.#on[side].isBarren = true;
    // What is beyond may all be hidden by now: the reader's next move asks, not the next frame.
    else if (side === 'after') this.#notBefore = performance.now() + PAUSE_MS;
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

// The comments that this page holds: one unbroken stretch of the room, bounded, in the room's order.

/** Most comments held; a reader who goes further back lets go of the newest, and the other way round. */
export const HELD_MAX = 1000;
/** Newest comments kept besides, so that "newest" is there at once. */
const LATEST_MAX = 200;

export class Timeline {
  /** Oldest first. */
  items = [];
  /** Comments newer than the last of `items` that are not held. */
  beyond = 0;
  #latest = [];
  #hasForgotten = false;
  #hiddenAuthors;

  /** `hiddenAuthors`: ids whose comments are not taken. */
  constructor(hiddenAuthors = new Set()) {
    this.#hiddenAuthors = hiddenAuthors;
  }

  get(id) {
    return this.items.find((comment) => comment.id === id) ?? this.#latest.find((comment) => comment.id === id);
  }

  /** A comment as it came; `trims` says that the oldest may go (the reader is at the end). */
  add(comment, trims) {
    if (this.#hiddenAuthors.has(comment.author.id)) return false;
    if (this.#replace(comment)) return false;
    this.#latest.push(comment);
    if (this.#latest.length > LATEST_MAX) this.#hasForgotten = this.#latest.shift() !== undefined;
    if (this.beyond > 0 || (!trims && this.items.length >= HELD_MAX)) {
      this.beyond += 1;
    } else {
      this.items.push(comment);
      if (this.items.length > HELD_MAX) this.items.splice(0, this.items.length - HELD_MAX);
    }
    return true;
  }

  /** A pending comment that was acknowledged keeps its place; what is there already is not added. */
  #replace(comment) {
    let known = false;
    for (const list of [this.items, this.#latest]) {
      const at = list.findIndex(({ id }) => id === comment.id || id === comment.replaces);
      if (at < 0) continue;
      list[at] = comment;
      known = true;
    }
    return known;
  }

  /** A page of history (newest first) from before the oldest; the newest are let go of for it. */
  prepend(page) {
    this.items.unshift(...this.#unknown(page).reverse());
    const over = this.items.length - HELD_MAX;
    if (over > 0) this.beyond += this.items.splice(HELD_MAX, over).length;
  }

  /** A page of history (oldest first) from after the last; the oldest are let go of for it. */
  append(page, isLast) {
    const unknown = this.#unknown(page);
    this.items.push(...unknown);
    const rest = isLast ? this.#rest() : null;
    this.items.push(...this.#unknown(rest ?? []));
    this.beyond = rest ? 0 : Math.max(1, this.beyond - unknown.length);
    if (this.items.length > HELD_MAX) this.items.splice(0, this.items.length - HELD_MAX);
  }

  /** Another stretch altogether, oldest first, with at least `beyond` newer ones. */
  moveTo(items, beyond) {
    this.items = items.filter(({ author }) => !this.#hiddenAuthors.has(author.id));
    this.beyond = beyond;
  }

  /** Back to the newest. */
  moveToEnd() {
    if (this.beyond > 0) this.moveTo([...this.#latest], 0);
  }

  remove(id) {
    this.#keep((comment) => comment.id !== id);
  }

  removeAuthor(author) {
    this.#keep((comment) => comment.author.id !== author);
  }

  /** What came after the last held; `null`: more than is kept, so something lies between. */
  #rest() {
    const last = this.items.at(-1);
    const at = this.#latest.findIndex(({ id }) => id === last?.id);
    return at < 0 && this.#hasForgotten ? null : this.#latest.slice(at + 1);
  }

  #keep(which) {
    this.items = this.items.filter(which);
    this.#latest = this.#latest.filter(which);
  }

  #unknown(page) {
    const known = new Set(this.items.map(({ id }) => id));
    return page.filter(({ id, author }) => !known.has(id) && !this.#hiddenAuthors.has(author.id));
  }
}

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
  /** Those that history brought. */
  #read = new WeakSet();
  #hiddenAuthors;
  /** What was held when an author's comments were taken away last. */
  #withheld = { author: '', items: [], latest: [] };

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
    this.#dropRead(comment.id);
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

  /** One that was in history before its turn in the stream gets its place by that. */
  #dropRead(id) {
    const at = this.items.findIndex((comment) => comment.id === id && this.#read.has(comment));
    if (at >= 0) this.items.splice(at, 1);
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
    this.items.unshift(...this.#unknown(this.#noted(page)).reverse());
    const over = this.items.length - HELD_MAX;
    if (over > 0) this.beyond += this.items.splice(HELD_MAX, over).length;
  }

  /** A page of history (oldest first) from after the last; the oldest are let go of for it. */
  append(page, isLast) {
    const unknown = this.#unknown(this.#noted(page));
    this.items.push(...unknown);
    const rest = isLast ? this.#rest() : null;
    this.items.push(...this.#unknown(rest ?? []));
    this.beyond = rest ? 0 : Math.max(1, this.beyond - unknown.length);
    if (this.items.length > HELD_MAX) this.items.splice(0, this.items.length - HELD_MAX);
  }

  /** Another stretch of history altogether, oldest first, with at least `beyond` newer ones. */
  moveTo(items, beyond) {
    this.items = this.#noted(items).filter(({ author }) => !this.#hiddenAuthors.has(author.id));
    this.beyond = beyond;
  }

  /** Back to the newest. */
  moveToEnd() {
    if (this.beyond > 0) this.items = [...this.#latest];
    this.beyond = 0;
  }

  remove(id) {
    this.#keep((comment) => comment.id !== id);
  }

  removeAuthor(author) {
    this.#keep((comment) => comment.author.id !== author);
  }

  /** Takes an author's comments away until `giveBack`. */
  withhold(author) {
    const withheld = { author, items: this.items, latest: this.#latest };
    this.removeAuthor(author);
    this.#withheld = withheld;
  }

  /** Those that came before all others that are held are left to history, which has what lies between. */
  giveBack() {
    const { author, items, latest } = this.#withheld;
    this.items = givenBack(this.items, items, author).slice(-HELD_MAX);
    this.#latest = givenBack(this.#latest, latest, author).slice(-LATEST_MAX);
    this.#hasForgotten = true;
    this.#withheld = { author: '', items: [], latest: [] };
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
    // What is deleted meanwhile doesn't come back either.
    const { items, latest } = this.#withheld;
    Object.assign(this.#withheld, { items: items.filter(which), latest: latest.filter(which) });
  }

  #noted(page) {
    for (const comment of page) this.#read.add(comment);
    return page;
  }

  #unknown(page) {
    const known = new Set(this.items.map(({ id }) => id));
    return page.filter(({ id, author }) => !known.has(id) && !this.#hiddenAuthors.has(author.id));
  }
}

/** `list` with an author's comments, each behind the one of `before` that it stood behind. */
function givenBack(list, before, author) {
  const held = new Set(list.map(({ id }) => id));
  const behind = new Map();
  let last;
  for (const comment of before) {
    if (held.has(comment.id)) last = comment.id;
    else if (comment.author.id === author && last) behind.set(last, [...(behind.get(last) ?? []), comment]);
  }
  return list.flatMap((comment) => [comment, ...(behind.get(comment.id) ?? [])]);
}

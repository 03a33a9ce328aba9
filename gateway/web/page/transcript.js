// The comments on the screen: a window of rows over the timeline, brought up to date once a frame.
//
// While the reader follows, the window is the end of the timeline. Otherwise it stays where it is,
// grows at the edge that comes near, and lets go of rows at the other: the document is bounded
// whatever comes. Each frame reads first, writes rows, then sets the scroll position: one layout.

/** Most rows in the document: more than two screens on either side of a tall one. */
export const ROWS_MAX = 120;
const STEP = 30;
const NEAR_PX = 600;
const END_PX = 48;

export class Transcript {
  following = true;
  #scroller;
  #list;
  #timeline;
  #does;
  #rows = new Map();
  #frame = 0;
  #top = 0;
  /** Of all rows, and of what is in view, when they were last written. */
  #heights = { all: 0, view: 0 };
  #aim = null;

  /** `does`: `row(comment)` makes one; `older()`, `newer()` ask for history; `followed(is)`, `arrived(row)` tell. */
  constructor(scroller, list, timeline, does) {
    this.#scroller = scroller;
    this.#list = list;
    this.#timeline = timeline;
    this.#does = does;
    scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    // At two hundred comments a second a wheel's first step would be undone by the next frame.
    scroller.addEventListener('wheel', ({ deltaY }) => deltaY < 0 && this.stay(), { passive: true });
    new ResizeObserver(() => this.changed()).observe(scroller);
  }

  /** Something may look different; shown with the next frame. */
  changed() {
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  /** All rows anew: they look different to somebody else. */
  redraw() {
    for (const row of this.#rows.values()) row.remove();
    this.#rows.clear();
    this.changed();
  }

  /** To the newest, and stays with them. */
  follow() {
    this.#timeline.moveToEnd();
    this.#follows(true);
    this.changed();
  }

  /** Stays with what is being read. */
  stay() {
    if (this.#scroller.scrollHeight > this.#scroller.clientHeight) this.#follows(false);
  }

  /** Brings a comment that the timeline holds into view, and marks it. */
  goTo(id) {
    this.#follows(false);
    this.#aim = id;
    this.changed();
  }

  row(id) {
    return this.#rows.get(id);
  }

  #follows(is) {
    if (this.following === is) return;
    this.following = is;
    this.#does.followed(is);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    // What grew or shrank scrolls as well, and says nothing of the reader.
    const isReader = scrollHeight === this.#heights.all && clientHeight === this.#heights.view;
    const isUp = scrollTop < this.#top - 1;
    const isDown = scrollTop > this.#top;
    this.#top = scrollTop;
    if (isUp && isReader) this.#follows(false);
    else if (isDown && this.#rest() < END_PX && this.#showsEnd()) this.#follows(true);
    if (!this.following || !isReader) this.changed();
  }

  #rest() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #showsEnd() {
    return (
      this.#timeline.beyond === 0 && this.#list.lastElementChild?.dataset.commentId === this.#timeline.items.at(-1)?.id
    );
  }

  #paint() {
    this.#frame = 0;
    const anchors = this.following ? [] : this.#anchors();
    const near = { start: this.#scroller.scrollTop < NEAR_PX, end: this.#rest() < NEAR_PX };
    const [from, to] = this.#span(near);
    const arrived = this.#reconcile(this.#timeline.items.slice(from, to));
    this.#place(anchors);
    this.#top = this.#scroller.scrollTop;
    this.#heights = { all: this.#scroller.scrollHeight, view: this.#scroller.clientHeight };
    if (near.start && from === 0) this.#does.older();
    if (near.end && to === this.#timeline.items.length && this.#timeline.beyond > 0) this.#does.newer();
    // A step may not have been enough, and a first page may leave room.
    if (!this.following && arrived > 0) this.changed();
  }

  /** Which items are to be rows. */
  #span(near) {
    const { items } = this.#timeline;
    const end = items.length;
    if (this.#aim !== null) {
      const at = items.findIndex(({ id }) => id === this.#aim);
      return [Math.max(0, at - ROWS_MAX / 2), Math.min(end, at + ROWS_MAX / 2)];
    }
    const place = new Map(items.map((comment, at) => [comment, at]));
    const shown = [...this.#list.children].map((row) => place.get(row.comment)).filter((at) => at !== undefined);
    if (this.following || shown.length === 0) return [Math.max(0, end - ROWS_MAX), end];
    let [from, to] = [shown[0], shown.at(-1) + 1];
    if (near.start) [from, to] = [Math.max(0, from - STEP), Math.min(to, Math.max(0, from - STEP) + ROWS_MAX)];
    if (near.end) [from, to] = [Math.max(from, Math.min(end, to + STEP) - ROWS_MAX), Math.min(end, to + STEP)];
    return [from, to];
  }

  /** Makes the rows be these, and says how many are new. */
  #reconcile(items) {
    const wanted = new Set(items);
    for (const [id, row] of this.#rows) {
      if (wanted.has(row.comment)) continue;
      // Who walks by keyboard goes on from here, not from the page's beginning.
      if (row.contains(document.activeElement)) this.#scroller.focus({ preventScroll: true });
      row.remove();
      this.#rows.delete(id);
    }
    let next = this.#list.firstElementChild;
    let arrived = 0;
    for (const comment of items) {
      const row = this.#rows.get(comment.id);
      if (row && row === next) {
        next = next.nextElementSibling;
        continue;
      }
      this.#list.insertBefore(row ?? this.#make(comment), next);
      arrived += 1;
    }
    return arrived;
  }

  #make(comment) {
    const row = this.#does.row(comment);
    row.comment = comment;
    this.#rows.set(comment.id, row);
    return row;
  }

  /** Rows in view with where they are; the first of them that is still there holds the place. */
  #anchors() {
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    const rows = [...this.#list.children].map((row) => ({ row, box: row.getBoundingClientRect() }));
    return rows.filter(({ box }) => box.bottom > top && box.top < bottom);
  }

  #place(anchors) {
    if (this.#aim !== null) {
      const row = this.#rows.get(this.#aim);
      this.#aim = null;
      row?.scrollIntoView({ block: 'center' });
      row?.classList.add('found');
      row?.focus({ preventScroll: true });
    } else if (this.following) {
      this.#scroller.scrollTop = this.#scroller.scrollHeight;
    } else {
      const anchor = anchors.find(({ row }) => row.isConnected);
      if (anchor) this.#scroller.scrollTop += anchor.row.getBoundingClientRect().top - anchor.box.top;
    }
  }
}

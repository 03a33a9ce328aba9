// Comments for those who hear them: at most one sentence every few seconds, however many come.

const PAUSE_MS = 5000;
const SPOKEN_MAX = 160;

export class Announcer {
  #place;
  #count = 0;
  /** The last one of those not told yet, and the one told last; `null`: taken away. */
  #last = null;
  #told = null;
  #timer = 0;

  /** `place`: a live region. */
  constructor(place) {
    this.#place = place;
  }

  heard(comment) {
    this.#count += 1;
    this.#last = comment;
    this.#timer ||= setTimeout(() => this.#speak(), this.#count === 1 ? 300 : PAUSE_MS);
  }

  /** `is(comment)`: it was taken away, so it is not told, and not repeated. */
  hush(is) {
    if (this.#told && is(this.#told)) this.#place.textContent = '';
    if (!this.#last || !is(this.#last)) return;
    this.#last = null;
    this.#count -= 1;
  }

  #speak() {
    if (this.#count > 0) this.#tell();
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#count > 0) this.#speak();
    }, PAUSE_MS);
  }

  #tell() {
    this.#place.textContent = this.#words();
    this.#told = this.#last;
    this.#last = null;
    this.#count = 0;
  }

  #words() {
    const comments = `${this.#count} new ${this.#count === 1 ? 'comment' : 'comments'}`;
    if (!this.#last) return comments;
    const { author, text } = this.#last;
    const said = `${author.name}: ${text.slice(0, SPOKEN_MAX)}`;
    return this.#count === 1 ? said : `${comments}, the last by ${said}`;
  }
}

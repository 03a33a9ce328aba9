// Comments for those who hear them: at most one sentence every few seconds, however many come.

const PAUSE_MS = 5000;
const SPOKEN_MAX = 160;

export class Announcer {
  #place;
  #count = 0;
  #last = null;
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

  /** Something was taken away: it may be what was told last. */
  hush() {
    this.#place.textContent = '';
  }

  #speak() {
    const { author, text } = this.#last;
    const said = `${author.name}: ${text.slice(0, SPOKEN_MAX)}`;
    this.#place.textContent = this.#count === 1 ? said : `${this.#count} new comments, the last by ${said}`;
    this.#count = 0;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#count > 0) this.#speak();
    }, PAUSE_MS);
  }
}

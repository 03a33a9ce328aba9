// How many came in the last second.

export class Rate {
  #times = [];

  count() {
    this.#times.push(performance.now());
    this.#forget();
  }

  get perSecond() {
    this.#forget();
    return this.#times.length;
  }

  #forget() {
    const since = performance.now() - 1000;
    while (this.#times[0] < since) this.#times.shift();
  }
}

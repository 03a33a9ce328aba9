// Whole seconds until something may be done again.

export class Countdown {
  #until = 0;
  #timer = 0;
  #show;

  /** `show(seconds)` each second, and with 0 at the end. */
  constructor(show) {
    this.#show = show;
  }

  get isRunning() {
    return this.#timer !== 0;
  }

  start(seconds) {
    clearInterval(this.#timer);
    this.#until = performance.now() + seconds * 1000;
    this.#timer = setInterval(() => this.#tick(), 250);
    this.#show(seconds);
  }

  stop() {
    if (!this.isRunning) return;
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#show(0);
  }

  #tick() {
    const left = Math.ceil((this.#until - performance.now()) / 1000);
    if (left > 0) this.#show(left);
    else this.stop();
  }
}

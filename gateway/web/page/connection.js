// The state of the connection, in words.

import { byId } from './element.js';

const LINGER_MS = 6000;
const FINAL = {
  ended: 'This video has ended',
  banned: 'You are banned from this room',
  expired: 'Your sign-in has expired: sign in again',
  closed: 'Not connected',
};
const plural = (count, one, many) => (count === 1 ? `1 ${one}` : `${count} ${many}`);

export const isFinal = (state) => state in FINAL;
export const finalWords = (state) => FINAL[state];

export class Connection {
  #timer = 0;
  #state = { state: 'connecting' };
  #wasLive = false;
  /** A reset could not show all, and that is not said yet. */
  #lacks = false;

  constructor() {
    addEventListener('online', () => this.show(this.#state));
    addEventListener('offline', () => this.show(this.#state));
  }

  /** `state` as `chorus.js` tells it. */
  show(state) {
    this.#state = state;
    // Who comes for the first time has missed nothing.
    const missed = this.#wasLive ? (state.missed ?? 0) : 0;
    if (isFinal(state.state)) return this.#say(state.state === 'ended' ? 'ended' : 'refused', FINAL[state.state]);
    if (!navigator.onLine) return this.#say('waiting', 'you are offline');
    switch (state.state) {
      case 'connecting':
        return this.#say('waiting', 'connecting…');
      case 'catching-up':
        return this.#say('waiting', 'catching up…');
      case 'reconnecting':
        return this.#say('waiting', 'reconnecting…');
      default:
        this.#wasLive = true;
        if (this.#lacks) return this.#sayLack();
        return missed > 0
          ? this.#forAWhile(`caught up, ${plural(missed, 'missed comment', 'missed comments')} loaded`)
          : this.#live();
    }
  }

  /** Something that could not be shown, for a while. */
  skipped(count) {
    this.#forAWhile(`${plural(count, 'comment', 'comments')} skipped`);
  }

  /** Told while it still catches up: what may be missing is said when it is live again, or nobody could read it. */
  reset({ complete }) {
    this.#lacks ||= !complete;
    if (this.#lacks && ['live', 'polling'].includes(this.#state.state)) this.show(this.#state);
  }

  #sayLack() {
    this.#lacks = false;
    this.#forAWhile('caught up; some comments may be missing');
  }

  #forAWhile(words) {
    this.#say('live', words);
    this.#timer = setTimeout(() => this.show({ ...this.#state, missed: 0 }), LINGER_MS);
  }

  #live() {
    this.#say('live', this.#state.state === 'polling' ? 'live, in steps' : 'live');
  }

  #say(kind, words) {
    clearTimeout(this.#timer);
    byId('connection').dataset.state = kind;
    if (byId('connection-words').textContent !== words) byId('connection-words').textContent = words;
  }
}

// The leaderboard, and producers' events such as odds: names with numbers.

import { avatarOf, nameOf } from './author.js';
import { Card } from './card.js';
import { byId, element } from './element.js';

const LEADERS_MAX = 5;
const FACTS_MAX = 8;
const EVENTS_MAX = 4;
const whole = new Intl.NumberFormat();

export class Leaderboard {
  #card = new Card(byId('cards'), 'leaders', 'trophy', 'Leaderboard');

  show(top) {
    const line = (leader, nth) =>
      element(
        'li',
        {},
        element('span', { class: 'rank' }, String(nth + 1)),
        avatarOf(leader),
        nameOf(leader),
        element('b', {}, whole.format(leader.score)),
      );
    if (top.length === 0) this.#card.hide();
    else this.#card.show(element('ol', {}, ...top.slice(0, LEADERS_MAX).map(line)));
  }
}

/** One card per type of event; the latest one of a type stands there. */
export class Events {
  #cards = new Map();

  show(type, data) {
    const card = this.#cards.get(type) ?? this.#add(type);
    const facts = data !== null && typeof data === 'object' ? Object.entries(data) : [[type, data]];
    const words = (value) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value));
    const pairs = facts
      .slice(0, FACTS_MAX)
      .flatMap(([name, value]) => [element('dt', { dir: 'auto' }, name), element('dd', { dir: 'auto' }, words(value))]);
    card.show(element('dl', { class: 'facts' }, ...pairs));
  }

  #add(type) {
    if (this.#cards.size >= EVENTS_MAX) {
      const [oldest, card] = this.#cards.entries().next().value;
      card.hide();
      this.#cards.delete(oldest);
    }
    const card = new Card(byId('cards'), 'event', 'pulse', type.charAt(0).toUpperCase() + type.slice(1));
    this.#cards.set(type, card);
    return card;
  }
}

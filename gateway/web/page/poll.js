// Polls: one vote each, changeable until they close; totals as the server tells them.

import { Card } from './card.js';
import { byId, element } from './element.js';

const POLLS_MAX = 3;
const whole = new Intl.NumberFormat();
const percent = new Intl.NumberFormat(undefined, { style: 'percent' });
const labelOf = (option) => (typeof option === 'string' ? option : String(option?.text ?? option?.label ?? ''));

export class Polls {
  #vote;
  #polls = new Map();

  /** `vote(poll, option)` resolves when it counts. */
  constructor(vote) {
    this.#vote = vote;
  }

  show(poll) {
    const known = this.#polls.get(poll.id) ?? {
      card: new Card(byId('chat-cards'), 'poll', 'poll', 'Poll'),
      chosen: null,
    };
    known.poll = poll;
    this.#polls.set(poll.id, known);
    if (this.#polls.size > POLLS_MAX) this.#drop(this.#polls.keys().next().value);
    this.#paint(known);
  }

  #drop(id) {
    this.#polls.get(id).card.hide();
    this.#polls.delete(id);
  }

  #paint(known) {
    const { poll, card } = known;
    const votes = poll.totals?.reduce((sum, n) => sum + n, 0);
    const options = poll.options.map((option, nth) => this.#option(known, labelOf(option), nth, votes));
    const state = poll.closed ? 'closed' : 'open';
    const words =
      votes === undefined
        ? 'Votes are hidden until it closes'
        : `${whole.format(votes)} ${votes === 1 ? 'vote' : 'votes'} · ${state}`;
    card.title = poll.question;
    card.show(...options, element('p', { class: 'votes' }, words));
  }

  #option(known, label, nth, votes) {
    const share = votes ? known.poll.totals[nth] / votes : 0;
    const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
    bar.style.transform = `scaleX(${share})`;
    const is = known.chosen === nth;
    return element(
      'button',
      {
        class: `option${is ? ' chosen' : ''}`,
        type: 'button',
        disabled: Boolean(known.poll.closed),
        'aria-pressed': String(is),
        onclick: () => this.#choose(known, nth),
      },
      bar,
      element('span', { dir: 'auto' }, label),
      votes === undefined ? null : element('b', {}, percent.format(share)),
    );
  }

  async #choose(known, nth) {
    const before = known.chosen;
    known.chosen = nth;
    this.#paint(known);
    if (await this.#vote(known.poll.id, nth)) return;
    known.chosen = before;
    this.#paint(known);
  }
}

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
      votes: element('p', { class: 'votes' }),
      labels: null,
      options: [],
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

  /** In place: a button that is focused, or being pressed, stays the same one through any number of votes. */
  #paint(known) {
    const { poll, card } = known;
    const labels = JSON.stringify(poll.options.map(labelOf));
    if (known.labels !== labels) {
      known.labels = labels;
      known.options = poll.options.map((option, nth) => this.#option(known, labelOf(option), nth));
      card.show(...known.options.map(({ button }) => button), known.votes);
    }
    card.title = poll.question;
    const votes = poll.totals?.reduce((sum, n) => sum + n, 0);
    known.votes.textContent = wordsOf(votes, poll.closed);
    for (const [nth, option] of known.options.entries()) paintOption(option, nth, known, votes);
  }

  #option(known, label, nth) {
    const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
    const share = element('b');
    const button = element(
      'button',
      { class: 'option', type: 'button', onclick: () => this.#choose(known, nth) },
      bar,
      element('span', { dir: 'auto' }, label),
      share,
    );
    return { button, bar, share };
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

function wordsOf(votes, isClosed) {
  if (votes === undefined) return 'Votes are hidden until it closes';
  return `${whole.format(votes)} ${votes === 1 ? 'vote' : 'votes'} · ${isClosed ? 'closed' : 'open'}`;
}

function paintOption({ button, bar, share }, nth, { poll, chosen }, votes) {
  const part = votes ? poll.totals[nth] / votes : 0;
  bar.style.transform = `scaleX(${part})`;
  share.hidden = votes === undefined;
  share.textContent = votes === undefined ? '' : percent.format(part);
  button.classList.toggle('chosen', chosen === nth);
  button.setAttribute('aria-pressed', String(chosen === nth));
  button.disabled = Boolean(poll.closed);
}

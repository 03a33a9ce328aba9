// Reactions: one button each with its count, and what floats up when others react. They show only
// when the server has them: it answered for its counts, or sent some.

import { byId, element } from './element.js';

const SIGNS = { like: '👍', love: '❤️', laugh: '😂', wow: '😮', applause: '👏' };
/** In the order above, others after them. */
const place = (kind) => (Object.keys(SIGNS).indexOf(kind) + 1 || Infinity);
const byPlace = (one, other) => Math.sign(place(one) - place(other)) || one.localeCompare(other);
const FLOATS_MAX = 20;
const RISE_PX_MAX = 380;
const FLOATS_PER_UPDATE = 5;
/** Presses of so long go together. */
const GATHER_MS = 300;
/** More in that time is no finger's, and more than some servers take at once. */
const PRESSES_MAX = 10;
const count = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

export class Reactions {
  #does;
  /** By kind: what the server told last, what is shown (own presses at once), … */
  #told = new Map();
  #shown = new Map();
  /** … own presses that are not sent yet, and those without an answer, which hold the former too. */
  #pressed = new Map();
  #unsettled = new Map();
  #buttons = new Map();
  #isCalm = matchMedia('(prefers-reduced-motion: reduce)');

  /** `react(kind, count)` promises whether they were taken; who isn't `isKnown()` is asked by `introduce()`. */
  constructor(does) {
    this.#does = does;
  }

  /** Totals since the video began; `isFirst`: those before us, which don't float. */
  show(totals, isFirst = false) {
    for (const [kind, total] of Object.entries(totals)) {
      if (!this.#buttons.has(kind)) this.#add(kind);
      const before = this.#shown.get(kind);
      this.#told.set(kind, Math.max(total, this.#told.get(kind) ?? 0));
      this.#count(kind, Math.max(total, before ?? 0));
      if (!isFirst && before !== undefined) this.#float(kind, Math.min(total - before, FLOATS_PER_UPDATE));
    }
    byId('reactions').hidden = this.#buttons.size === 0;
  }

  #count(kind, total) {
    this.#shown.set(kind, total);
    this.#buttons.get(kind).querySelector('b').textContent = total ? count.format(total) : '';
  }

  /** It is seen at once, and sent with those that follow it closely. */
  #press(kind) {
    if (!this.#does.isKnown()) return this.#does.introduce();
    const pressed = this.#pressed.get(kind) ?? 0;
    if (pressed >= PRESSES_MAX) return;
    if (pressed === 0) setTimeout(() => this.#send(kind), GATHER_MS);
    this.#pressed.set(kind, pressed + 1);
    this.#unsettled.set(kind, (this.#unsettled.get(kind) ?? 0) + 1);
    this.#count(kind, this.#shown.get(kind) + 1);
    this.#float(kind, 1);
  }

  async #send(kind) {
    const pressed = this.#pressed.get(kind);
    this.#pressed.set(kind, 0);
    const isTaken = await this.#does.react(kind, pressed);
    const unsettled = this.#unsettled.get(kind) - pressed;
    this.#unsettled.set(kind, unsettled);
    // Only these go: others' may have come, and more of one's own be under way.
    if (!isTaken) this.#count(kind, Math.max(this.#told.get(kind) + unsettled, this.#shown.get(kind) - pressed));
  }

  #add(kind) {
    const button = element(
      'button',
      { class: 'reaction', type: 'button', title: kind, onclick: () => this.#press(kind) },
      element('span', { 'aria-hidden': 'true' }, SIGNS[kind] ?? kind),
      element('span', { class: 'visually-hidden' }, kind),
      element('b'),
    );
    // Whatever came first: a button that moves is pressed by mistake.
    const next = [...this.#buttons.keys()].sort(byPlace).find((other) => byPlace(kind, other) < 0);
    byId('reactions').insertBefore(button, this.#buttons.get(next) ?? null);
    this.#buttons.set(kind, button);
  }

  #float(kind, times) {
    const floats = byId('floats');
    if (this.#isCalm.matches || document.hidden) return;
    const height = floats.clientHeight;
    for (let nth = 0; nth < times && floats.childElementCount < FLOATS_MAX; nth += 1)
      this.#rise(floats, height, SIGNS[kind] ?? kind, nth * 90);
  }

  #rise(floats, height, sign, delay) {
    const float = element('span', { class: 'float' }, sign);
    const sway = () => `${(Math.random() - 0.5) * 28}px`;
    float.style.left = `${14 + Math.random() * 24}px`;
    floats.append(float);
    const path = [
      { transform: 'translate(0, 30px) scale(.6)', opacity: 0 },
      { transform: `translate(${sway()}, -80px) scale(1)`, opacity: 1, offset: 0.25 },
      {
        transform: `translate(${sway()}, -${Math.min(height, RISE_PX_MAX) * (0.8 + Math.random() * 0.2)}px) scale(1.1)`,
        opacity: 0,
      },
    ];
    float.animate(path, {
      duration: 2400 + Math.random() * 600,
      delay,
      easing: 'ease-out',
      fill: 'backwards',
    }).onfinish = () => float.remove();
  }
}

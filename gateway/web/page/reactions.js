// Reactions: one button each with its count, and what floats up when others react. They show only
// when the server has them: it answered for its counts, or sent some.

import { byId, element } from './element.js';

const SIGNS = { like: '👍', love: '❤️', laugh: '😂', wow: '😮', applause: '👏' };
const FLOATS_MAX = 20;
const RISE_PX_MAX = 380;
const FLOATS_PER_UPDATE = 5;
const count = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

export class Reactions {
  #react;
  #totals = new Map();
  #buttons = new Map();
  #isCalm = matchMedia('(prefers-reduced-motion: reduce)');

  /** `react(kind)` sends one. */
  constructor(react) {
    this.#react = react;
  }

  /** Totals since the video began; `isFirst`: those before us, which don't float. */
  show(totals, isFirst = false) {
    for (const [kind, total] of Object.entries(totals)) {
      const button = this.#buttons.get(kind) ?? this.#add(kind);
      const before = this.#totals.get(kind);
      this.#totals.set(kind, total);
      button.querySelector('b').textContent = count.format(total);
      if (!isFirst && before !== undefined) this.#float(kind, Math.min(total - before, FLOATS_PER_UPDATE));
    }
    byId('reactions').hidden = this.#buttons.size === 0;
  }

  #add(kind) {
    const button = element(
      'button',
      { class: 'reaction', type: 'button', title: kind, onclick: () => this.#react(kind) },
      element('span', { 'aria-hidden': 'true' }, SIGNS[kind] ?? kind),
      element('span', { class: 'visually-hidden' }, kind),
      element('b'),
    );
    this.#buttons.set(kind, button);
    byId('reactions').append(button);
    return button;
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

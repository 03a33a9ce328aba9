// The picture that stands for a video: voices as waves, and a pulse in a commenter's colour for each
// comment. It rests while nobody sees it, and for those who asked for less motion.

import { hueOf } from './author.js';
import { byId } from './element.js';
import { icon } from './icons.js';

const FRAME_MS = 1000 / 30;
const HUES = [18, 42, 300, 268];
const STRANDS = 5;
const POINTS = 72;
const PULSES_MAX = 16;
const PULSE_S = 3.2;

export class Stage {
  #canvas = byId('picture');
  #context = this.#canvas.getContext('2d');
  #still = matchMedia('(prefers-reduced-motion: reduce)');
  #pulses = [];
  #isPaused = this.#still.matches;
  #isSeen = false;
  #frame = 0;
  #last = 0;
  /** Seconds that the animation has run. */
  #time = 4;

  constructor() {
    byId('play').addEventListener('click', () => this.#pause(!this.#isPaused));
    this.#still.addEventListener('change', ({ matches }) => this.#pause(matches));
    document.addEventListener('visibilitychange', () => this.#run());
    new ResizeObserver(() => this.#fit()).observe(this.#canvas);
    new IntersectionObserver(([entry]) => {
      this.#isSeen = entry.isIntersecting;
      this.#run();
    }).observe(this.#canvas);
    this.#pause(this.#isPaused);
  }

  /** A comment came. */
  pulse(author) {
    if (!this.#frame) return;
    if (this.#pulses.length >= PULSES_MAX) this.#pulses.shift();
    const voice = hueOf(author.id) % HUES.length;
    this.#pulses.push({ hue: hueOf(author.id), voice, x: 0.12 + Math.random() * 0.76, born: this.#time });
  }

  #pause(is) {
    this.#isPaused = is;
    const button = byId('play');
    button.setAttribute('aria-label', is ? 'Play the animation' : 'Pause the animation');
    button.removeAttribute('aria-pressed');
    button.replaceChildren(icon(is ? 'play' : 'pause'));
    this.#run();
  }

  #run() {
    const runs = this.#isSeen && !this.#isPaused && !document.hidden;
    // One at most: what runs already would go on beside the new one.
    cancelAnimationFrame(this.#frame);
    this.#frame = runs ? requestAnimationFrame((now) => this.#step(now)) : 0;
  }

  #step(now) {
    this.#frame = requestAnimationFrame((next) => this.#step(next));
    const passed = now - this.#last;
    if (passed < FRAME_MS - 2) return;
    this.#last = now;
    this.#time += Math.min(passed, 100) / 1000;
    this.#pulses = this.#pulses.filter(({ born }) => this.#time - born < PULSE_S);
    this.#draw();
  }

  #fit() {
    const scale = Math.min(devicePixelRatio, 2);
    this.#canvas.width = this.#canvas.clientWidth * scale;
    this.#canvas.height = this.#canvas.clientHeight * scale;
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#canvas;
    this.#context.clearRect(0, 0, width, height);
    this.#context.globalCompositeOperation = 'lighter';
    this.#context.lineWidth = Math.max(1, width / 700);
    HUES.forEach((hue, voice) => this.#voice(hue, voice, width, height));
    for (const pulse of this.#pulses) this.#spark(pulse, width, height);
  }

  #voice(hue, voice, width, height) {
    for (let strand = 0; strand < STRANDS; strand += 1) {
      this.#context.strokeStyle = `oklch(76% .16 ${hue} / ${0.55 - strand * 0.09})`;
      this.#context.beginPath();
      for (let point = 0; point <= POINTS; point += 1) {
        const x = point / POINTS;
        this.#context.lineTo(x * width, this.#height(x, voice, strand) * height);
      }
      this.#context.stroke();
    }
  }

  /** Where a strand of a voice is at `x`, both 0–1. */
  #height(x, voice, strand) {
    const t = this.#time * 0.42 + voice * 1.9 + strand * 0.13;
    const swell = Math.sin(Math.PI * x) ** 1.4;
    const wave = Math.sin(x * (5 + voice) + t * 1.3) * 0.6 + Math.sin(x * (9 - voice) - t * 0.9) * 0.4;
    let lift = 0;
    for (const pulse of this.#pulses) if (pulse.voice === voice) lift += this.#lift(pulse, x);
    // Many at once stay within the picture.
    lift = 0.2 * Math.tanh(lift / 0.2);
    return 0.5 + (voice - 1.5) * 0.045 + swell * (wave * (0.17 + strand * 0.012) - lift * (1 - strand * 0.12));
  }

  #lift(pulse, x) {
    const age = (this.#time - pulse.born) / PULSE_S;
    return 0.2 * Math.sin(Math.PI * Math.sqrt(age)) * Math.exp(-(((x - pulse.x) / 0.07) ** 2));
  }

  #spark(pulse, width, height) {
    const age = (this.#time - pulse.born) / PULSE_S;
    const y = this.#height(pulse.x, pulse.voice, 0) - age * 0.12;
    this.#context.fillStyle = `oklch(86% .13 ${pulse.hue} / ${(1 - age) * 0.9})`;
    this.#context.beginPath();
    this.#context.arc(pulse.x * width, y * height, (width / 220) * (1 - age * 0.5), 0, Math.PI * 2);
    this.#context.fill();
  }
}

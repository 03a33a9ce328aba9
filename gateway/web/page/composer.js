// Writing a comment: counted as it is typed, sent by Enter, kept when it is refused.

import { avatarOf } from './author.js';
import { Countdown } from './countdown.js';
import { BYTES_MAX, TEXT_MAX, draftOf } from './draft.js';
import { element } from './element.js';
import { icon } from './icons.js';
import { forThisTab } from './memory.js';
import { wordsOf } from './refusal.js';

const COUNT_FROM = TEXT_MAX - 100;

export class Composer {
  #form;
  #field;
  #post;
  #introduce;
  #me = null;
  #text = element('textarea', {
    id: 'text',
    rows: '1',
    enterkeyhint: 'send',
    'aria-label': 'Your comment',
    'aria-describedby': 'count',
  });
  #count = element('span', { class: 'count', id: 'count' });
  #send = element('button', { class: 'send', type: 'submit', 'aria-label': 'Send' }, icon('send'));
  #who = element('button', { class: 'avatar-button', type: 'button', 'aria-haspopup': 'dialog' });
  #refusal = element('p', { class: 'refusal', role: 'alert', id: 'refusal', hidden: true });
  #hint = element('p', { class: 'hint', hidden: true });
  #replying = element('div', { class: 'replying', hidden: true });
  #countdown = new Countdown((seconds) => this.#showWait(seconds));
  #replyTo = null;
  #slowModeS = 0;
  #isClosed = false;

  /** `draft`: the key to keep one under; `post(text, replyTo)` sends; `introduce()` asks who writes. */
  constructor(form, { draft, post, introduce }) {
    this.#form = form;
    this.#post = post;
    this.#introduce = introduce;
    this.#who.addEventListener('click', introduce);
    this.#field = element('div', { class: 'field' }, this.#who, this.#text, this.#count, this.#send);
    form.replaceChildren(this.#refusal, this.#hint, this.#replying, this.#field);
    form.addEventListener('submit', (event) => this.#submit(event));
    this.#text.addEventListener('input', () => this.#typed());
    this.#text.addEventListener('keydown', (event) => this.#key(event));
    // What is written outlives a reload, which signing in is.
    this.#set(forThisTab.recall(draft) ?? '');
    addEventListener('pagehide', () => forThisTab.remember(draft, this.#text.value));
  }

  /** Who writes from here; `null`: nobody may yet. */
  me(author) {
    this.#me = author;
    this.#who.replaceChildren(avatarOf(author ?? { id: '', name: '?' }));
    this.#who.setAttribute('aria-label', author ? `You write as ${author.name}. Change` : 'Sign in');
    this.#text.placeholder = author ? 'Say something…' : 'Sign in to say something…';
  }

  /** Seconds between two of one's own comments; moderators pass 0. */
  slowMode(seconds) {
    this.#slowModeS = seconds;
    if (seconds === 0) this.#countdown.stop();
  }

  /** What everybody has to know before writing; `null`: nothing. */
  hint(words) {
    this.#hint.hidden = words === null;
    this.#hint.textContent = words ?? '';
  }

  /** The words in place of the composer when nobody can write here any more; what they wrote stays theirs to copy. */
  close(words) {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#text.readOnly = true;
    for (const part of [this.#hint, this.#replying, this.#count, this.#send]) part.remove();
    this.#form.prepend(element('p', { class: 'closed' }, words));
    this.#typed();
  }

  reply(comment) {
    this.#replyTo = comment;
    this.#replying.hidden = comment === null;
    if (comment) {
      const words = element('span', {}, 'Replying to ', element('bdi', {}, comment.author.name));
      const stop = element(
        'button',
        { class: 'round', type: 'button', 'aria-label': 'Don’t reply', onclick: () => this.reply(null) },
        icon('close'),
      );
      this.#replying.replaceChildren(words, stop);
    }
    this.focus();
  }

  focus() {
    this.#text.focus();
  }

  #key(event) {
    // Enter also ends the choice of a word in Chinese, Japanese and Korean: that is no "send". (Safari
    // says so by the code alone, as it has ended the composition before.)
    const isChoice = event.isComposing || event.keyCode === 229;
    if (event.key === 'Enter' && !event.shiftKey && !isChoice) {
      event.preventDefault();
      this.#form.requestSubmit();
    }
    if (event.key === 'Escape' && this.#replyTo) this.reply(null);
  }

  #typed() {
    const { length, why } = draftOf(this.#text.value);
    const isOver = length > TEXT_MAX || (why !== null && length > 0);
    this.#count.textContent = length >= COUNT_FROM || isOver ? `${length}/${TEXT_MAX}` : '';
    this.#count.title = `At most ${TEXT_MAX} characters and ${BYTES_MAX} bytes`;
    this.#count.classList.toggle('over', isOver);
    this.#send.disabled = this.#countdown.isRunning || length === 0;
    this.#field.hidden = this.#isClosed && length === 0;
    this.#text.style.height = '';
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }

  async #submit(event) {
    event.preventDefault();
    const draft = draftOf(this.#text.value);
    if (draft.length === 0 || this.#countdown.isRunning || this.#isClosed) return;
    if (!this.#me) return this.#introduce();
    if (draft.why) return this.#refuse(draft.why);
    const replyTo = this.#replyTo;
    this.#refuse(null);
    this.#set('');
    this.reply(null);
    try {
      if (this.#slowModeS > 0) this.#countdown.start(this.#slowModeS);
      await this.#post(draft.text, replyTo?.id);
    } catch (error) {
      this.#refused(error, draft.text, replyTo);
    }
  }

  /** What was refused stands in the field again, before what was typed meanwhile. */
  #refused(error, text, replyTo) {
    this.#set([text, this.#text.value].filter(Boolean).join('\n'));
    if (replyTo && !this.#replyTo) this.reply(replyTo);
    this.#countdown.stop();
    if (error.status === 429 && error.retryAfterS) this.#countdown.start(error.retryAfterS);
    this.#refuse(`Not sent. ${wordsOf(error, 'This room isn’t open.')}`);
  }

  #set(text) {
    this.#text.value = text;
    this.#typed();
  }

  #refuse(words) {
    this.#refusal.hidden = words === null;
    if (words !== null) this.#refusal.replaceChildren(icon('warn'), element('span', {}, words));
  }

  #showWait(seconds) {
    this.#send.classList.toggle('waiting', seconds > 0);
    this.#send.replaceChildren(seconds > 0 ? `${seconds} s` : icon('send'));
    this.#send.setAttribute('aria-label', seconds > 0 ? `Send, possible in ${seconds} seconds` : 'Send');
    if (seconds === 0) this.#refuse(null);
    this.#typed();
  }
}

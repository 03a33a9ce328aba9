// The comments: what came, on the screen, with the way back and the way down.

import { byId } from './element.js';
import { icon } from './icons.js';
import { Muted } from './muted.js';
import { Past } from './past.js';
import { Quotes } from './quotes.js';
import { wordsOf } from './refusal.js';
import { Rate } from './rate.js';
import { rowOf } from './row.js';
import { Timeline } from './timeline.js';
import { say } from './toast.js';
import { Transcript } from './transcript.js';

const UNSEEN_MAX = 999;
/** Above so many a second new rows don't move in one by one. */
const CALM_PER_S = 6;

export class Conversation {
  muted = new Muted();
  timeline = new Timeline(this.muted.ids);
  #room;
  #me = null;
  #unseen = 0;
  #isOpen = false;
  #rate = new Rate();

  /** `room`: of `chorus.js`. */
  constructor(room) {
    this.#room = room;
    this.quotes = new Quotes(room, this.timeline, this.muted.ids, (id) => this.goTo(id));
    this.past = new Past(room, this.timeline, () => this.transcript.changed());
    this.transcript = new Transcript(byId('scroller'), byId('comments'), this.timeline, {
      row: (comment) => this.#row(comment),
      older: () => this.#isOpen && this.past.older(),
      newer: () => this.past.newer(),
      followed: (is) => this.#followed(is),
    });
    byId('newest').addEventListener('click', () => this.toNewest());
  }

  /** Whose page it is. */
  me(author) {
    this.#me = author;
    this.transcript.redraw();
  }

  /** The connection stands: what came before may be asked for. */
  open() {
    this.#isOpen = true;
    this.transcript.changed();
  }

  /** A comment of the stream, or our own; true when it is new. */
  add(comment) {
    const isMine = comment.pending && comment.author.id === this.#me?.id;
    this.#rate.count();
    const isNew = this.timeline.add(comment, this.transcript.following);
    if (isMine && isNew) this.toNewest();
    else if (isNew && !this.transcript.following) this.#count();
    this.transcript.changed();
    return isNew;
  }

  remove(id) {
    this.timeline.remove(id);
    this.quotes.forget(id);
    this.transcript.changed();
  }

  removeAuthor(author) {
    this.quotes.forgetAuthor(author);
    this.timeline.removeAuthor(author);
    this.transcript.changed();
  }

  mute({ author }) {
    this.muted.mute(author.id);
    this.quotes.mutes(author.id);
    this.timeline.withhold(author.id);
    this.transcript.changed();
    say(`You won’t see ${author.name} any more.`, ['Undo', () => this.#unmute(author.id)]);
  }

  #unmute(author) {
    this.muted.unmute(author);
    this.timeline.giveBack();
    this.quotes.mutes(author);
    this.past.again();
    this.transcript.changed();
  }

  /** A comment wherever it is; `null`: gone. */
  async look(id) {
    return this.timeline.get(id) ?? (await this.#room.one(id).catch(() => null));
  }

  /** Shows a comment with what is around it. */
  async goTo(id) {
    try {
      if (!this.timeline.items.some((comment) => comment.id === id)) {
        const comment = await this.#room.one(id);
        if (!comment) return say('That comment is gone.');
        await this.past.around(comment);
      }
      this.transcript.goTo(id);
    } catch (error) {
      say(wordsOf(error));
    }
  }

  toNewest() {
    this.transcript.follow();
  }

  #row(comment) {
    const row = rowOf(comment, this.#me, this.quotes);
    if (this.transcript.following && this.#isOpen && this.#rate.perSecond < CALM_PER_S) row.classList.add('fresh');
    return row;
  }

  #followed(is) {
    this.#unseen = 0;
    byId('newest').hidden = is;
    if (!is) byId('newest').replaceChildren('Newest', icon('down'));
  }

  #count() {
    this.#unseen += 1;
    const number = this.#unseen > UNSEEN_MAX ? `${UNSEEN_MAX}+` : this.#unseen;
    byId('newest').replaceChildren(`${number} new ${this.#unseen === 1 ? 'comment' : 'comments'}`, icon('down'));
  }
}

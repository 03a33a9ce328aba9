// A room on the page: what chorus.js tells goes to the parts, what people do goes to chorus.js.

import { Actions } from './actions.js';
import { Announcer } from './announcer.js';
import { mayModerate } from './author.js';
import { Composer } from './composer.js';
import { Connection, finalWords, isFinal } from './connection.js';
import { Conversation } from './conversation.js';
import { attempt, deedsOn } from './deeds.js';
import { byId } from './element.js';
import { introduce, showMe } from './identity.js';
import { walkBy } from './keys.js';
import { Pinned } from './pinned.js';
import { Polls } from './poll.js';
import { Reactions } from './reactions.js';
import { changeSettings } from './settings.js';
import { Stage } from './stage.js';
import { Events, Leaderboard } from './standings.js';

const number = new Intl.NumberFormat();

export class Room {
  #room;
  #me = null;
  #set = null;
  #connection = new Connection();
  #announcer = new Announcer(byId('announcer'));
  #stage = document.documentElement.dataset.form === 'page' ? new Stage() : null;

  /** Asks who it is. */
  #introduce = () => introduce(this.#me, this.conversation.muted);

  /** `room`: of `chorus.js`. */
  constructor(room) {
    this.#room = room;
    this.conversation = new Conversation(room);
    byId('me').addEventListener('click', this.#introduce);
    byId('settings').addEventListener('click', () => changeSettings(room));
    this.composer = new Composer(byId('composer'), {
      draft: `draft.${room.video}`,
      post: (text, replyTo) => room.post(text, { replyTo }),
      introduce: this.#introduce,
    });
    this.#act();
    this.#listen();
    this.#know();
  }

  /** What is done about comments, by pointer and by keyboard. */
  #act() {
    const { transcript } = this.conversation;
    const reply = (comment) => this.composer.reply(comment);
    const mute = (comment) => this.#mute(comment);
    const answered = ({ reply_to: id }) => this.conversation.goTo(id);
    // A menu whose comment is carried away by others can't be used.
    const opened = (is) => is && transcript.stay();
    this.actions = new Actions(byId('comments'), { ...deedsOn(this.#room), reply, answered, mute, opened });
    walkBy(byId('scroller'), byId('comments'), {
      open: (row) => this.actions.open(row),
      reply,
      follow: () => this.conversation.toNewest(),
      stay: () => transcript.stay(),
      write: () => this.composer.focus(),
    });
  }

  #listen() {
    const on = (name, listener) => this.#room.on(name, listener);
    on('state', (state) => this.#state(state));
    on('comment', (comment) => this.#comment(comment));
    on('delete', ({ id }) => this.#removed(id));
    on('hide', ({ author }) => this.#hidden(author));
    on('settings', (settings) => this.#settings(settings));
    on('skipped', ({ count }) => this.#connection.skipped(count));
    on('reset', (reset) => this.#connection.reset(reset));
    on('viewers', ({ count }) => this.#viewers(count));
    this.#cards(on);
    if (isFinal(this.#room.state.state)) this.#state(this.#room.state);
  }

  /** What the server may send besides; each shows once it has come. */
  #cards(on) {
    const pinned = new Pinned(
      (id) => this.conversation.look(id),
      (id) => this.conversation.goTo(id),
    );
    const polls = new Polls((poll, option) => attempt(() => this.#room.vote(poll, option)));
    const leaderboard = new Leaderboard();
    const events = new Events();
    this.pinned = pinned;
    this.reactions = new Reactions({
      react: (kind, count) => attempt(() => this.#room.react(kind, count)),
      isKnown: () => this.#me !== null,
      introduce: this.#introduce,
    });
    on('pin', ({ comment }) => {
      this.actions.pinned(comment);
      pinned.show(comment);
    });
    on('poll', (poll) => polls.show(poll));
    on('leaderboard', ({ top }) => leaderboard.show(top));
    on('event', ({ type, data }) => events.show(type, data));
    on('reactions', ({ totals }) => this.reactions.show(totals));
  }

  /** What is known only by asking. */
  async #know() {
    this.#me = await this.#room.me().catch(() => null);
    this.conversation.me(this.#me);
    this.actions.me(this.#me);
    this.composer.me(this.#me);
    // They may have come before it was known whom they hold for.
    if (this.#set) this.#settings(this.#set);
    showMe(this.#me);
    byId('settings').hidden = !mayModerate(this.#me);
    const stats = await this.#room.stats().catch(() => null);
    if (stats?.reactions) this.reactions.show(stats.reactions, true);
  }

  #state(state) {
    this.#connection.show(state);
    if (state.state === 'live' || state.state === 'polling') this.conversation.open();
    if (isFinal(state.state)) this.composer.close(`${finalWords(state.state)}.`);
  }

  #comment(comment) {
    if (!this.conversation.add(comment) || comment.pending) return;
    this.#stage?.pulse(comment.author);
    if (comment.author.id !== this.#me?.id) this.#announcer.heard(comment);
  }

  #removed(id) {
    this.conversation.remove(id);
    this.pinned.removed(id);
    this.#announcer.hush((comment) => comment.id === id);
  }

  #hidden(author) {
    this.conversation.removeAuthor(author);
    this.pinned.removedAuthor(author);
    this.#announcer.hush((comment) => comment.author.id === author);
  }

  #mute(comment) {
    this.conversation.mute(comment);
    this.#announcer.hush(({ author }) => author.id === comment.author.id);
  }

  #settings(settings) {
    this.#set = settings;
    const { slow_mode_s: slowModeS, who_can_comment: who } = settings;
    const isFree = mayModerate(this.#me);
    this.composer.slowMode(isFree ? 0 : slowModeS);
    this.composer.hint(isFree ? null : hintOf(slowModeS, who, this.#me !== null));
  }

  /** We are one of them, counted yet or not. */
  #viewers(count) {
    byId('watching').hidden = false;
    byId('watching').textContent = `${number.format(Math.max(count, 1))} watching`;
  }
}

function hintOf(slowModeS, who, isSignedIn) {
  if (who === 'nobody') return 'Only moderators can write right now.';
  const hints = [];
  if (who === 'authenticated' && !isSignedIn) hints.push('Only people who signed in can write right now.');
  if (slowModeS > 0) hints.push(`Slow mode: one comment every ${slowModeS} s.`);
  return hints.join(' ') || null;
}

// What can be done about a comment: one set of buttons that moves to the row pointed at, one menu.

import { mayModerate } from './author.js';
import { element } from './element.js';
import { icon } from './icons.js';

const BAN_S = 600;

export class Actions {
  #does;
  #me = null;
  #pinned = null;
  #at = null;
  #menu = element('div', { class: 'menu', popover: 'auto', role: 'menu' });
  #tools = element(
    'div',
    { class: 'tools' },
    element(
      'button',
      { type: 'button', 'aria-label': 'Reply', title: 'Reply', onclick: () => this.#does.reply(this.#at.comment) },
      icon('reply'),
    ),
    element(
      'button',
      {
        type: 'button',
        'aria-label': 'More',
        title: 'More',
        'aria-haspopup': 'menu',
        onclick: () => this.open(this.#at),
      },
      icon('more'),
    ),
  );

  /** `does`: `reply`, `answered`, `copy`, `mute`, `report`, `remove`, `pin`, `unpin`, `ban(comment, options)`, each of a comment; `opened(is)`. */
  constructor(list, does) {
    this.#does = does;
    document.body.append(this.#menu);
    const rowUnder = ({ target }) => this.#moveTo(target.closest('.comment'));
    for (const kind of ['pointerover', 'focusin']) list.addEventListener(kind, rowUnder);
    list.addEventListener('pointerleave', () => this.#tools.matches(':focus-within') || this.#moveTo(null));
    this.#menu.addEventListener('keydown', (event) => this.#walk(event));
    this.#menu.addEventListener('toggle', ({ newState }) => this.#does.opened(newState === 'open'));
  }

  /** Whose page it is: what they may do. */
  me(author) {
    this.#me = author;
  }

  pinned(id) {
    this.#pinned = id;
  }

  /** The menu of a row's comment. */
  open(row) {
    if (!row || row.comment.pending) return;
    this.#moveTo(row);
    this.#menu.replaceChildren(...this.#entries(row.comment));
    this.#menu.setAttribute('aria-label', `Comment by ${row.comment.author.name}`);
    this.#menu.showPopover();
    this.#stand(this.#tools.getBoundingClientRect(), this.#menu.getBoundingClientRect());
    this.#menu.querySelector('button').focus();
  }

  #moveTo(row) {
    if (this.#at === row || this.#menu.matches(':popover-open')) return;
    this.#at = row;
    if (row && !row.comment.pending) row.append(this.#tools);
    else this.#tools.remove();
  }

  #entries(comment) {
    const isMine = comment.author.id === this.#me?.id;
    const entry = (mark, words, act, kind) =>
      element(
        'button',
        {
          type: 'button',
          role: 'menuitem',
          class: kind,
          onclick: () => {
            this.#menu.hidePopover();
            act(comment);
          },
        },
        icon(mark),
        words,
      );
    const common = [
      entry('reply', 'Reply', this.#does.reply),
      comment.reply_to && entry('bubble', 'Show what it answers', this.#does.answered),
      entry('copy', 'Copy text', this.#does.copy),
      !isMine && entry('mute', 'Mute this person for me', this.#does.mute),
      !isMine && entry('flag', 'Report', this.#does.report),
      isMine && !mayModerate(this.#me) && entry('trash', 'Delete', this.#does.remove, 'danger'),
    ];
    return [...common, ...(mayModerate(this.#me) ? this.#moderation(comment, isMine, entry) : [])].filter(Boolean);
  }

  #moderation(comment, isMine, entry) {
    const isPinned = comment.id === this.#pinned;
    const ban = (options) => () => this.#does.ban(comment, options);
    return [
      element('hr'),
      isPinned ? entry('pin', 'Unpin', this.#does.unpin) : entry('pin', 'Pin', this.#does.pin),
      entry('trash', 'Delete for everybody', this.#does.remove, 'danger'),
      !isMine && entry('ban', 'Ban for 10 minutes', ban({ ttl_s: BAN_S }), 'danger'),
      !isMine && entry('ban', 'Ban and hide all comments', ban({ hide_comments: true }), 'danger'),
    ];
  }

  #walk(event) {
    const entries = [...this.#menu.querySelectorAll('button')];
    const at = entries.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    entries.at(to % entries.length).focus();
  }

  /** Below the buttons, or above them where there is no room. */
  #stand(tools, menu) {
    const below = tools.bottom + 4;
    const top = below + menu.height < innerHeight - 8 ? below : Math.max(8, tools.top - menu.height - 4);
    this.#menu.style.top = `${top}px`;
    this.#menu.style.left = `${Math.max(8, Math.min(tools.right - menu.width, innerWidth - menu.width - 8))}px`;
  }
}

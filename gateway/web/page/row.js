// One comment as a list item. Everything a user wrote is set as text.

import { avatarOf, badgeOf, nameOf } from './author.js';
import { element } from './element.js';

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

function timeOf(comment) {
  if (comment.pending) return element('time', {}, 'sending…');
  const at = new Date(comment.created_at);
  const isToday = at.toDateString() === new Date().toDateString();
  const words = isToday ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`;
  return element('time', { datetime: comment.created_at, title: calendar.format(at) }, words);
}

/** `me`: whose page it is, or `null`; `quotes` shows what is answered. */
export function rowOf(comment, me, quotes) {
  const { author, reply_to: answered } = comment;
  const isMine = author.id === me?.id;
  const kinds = ['comment', isMine && 'mine', comment.pending && 'pending'].filter(Boolean).join(' ');
  const byline = element('p', { class: 'byline' }, nameOf(author), badgeOf(author), timeOf(comment));
  const row = element('li', { class: kinds, tabindex: '-1', 'data-comment-id': comment.id }, avatarOf(author));
  const isToMe = (original) => !isMine && original.author.id === me?.id && row.classList.add('to-me');
  const quote = answered ? quotes.of(answered, isToMe) : null;
  row.append(element('div', {}, quote, byline, element('p', { class: 'text', dir: 'auto' }, comment.text)));
  return row;
}

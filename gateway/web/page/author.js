// How an author looks: a hue of their own, initials, a badge for roles that matter.

import { element } from './element.js';
import { icon } from './icons.js';

const BADGES = { moderator: ['Moderator', 'shield'], producer: ['Producer', 'star'], admin: ['Admin', 'shield'] };
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** 0–359, the same for an author everywhere (FNV-1a over the id). */
export function hueOf(id) {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % 360;
}

/** First letters of the first and last word: `Ana Lima` → `AL`. */
export function initialsOf(name) {
  const words = name
    .trim()
    .split(/[\s_.-]+/u)
    .filter(Boolean);
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  const first = (word) => graphemes.segment(word)[Symbol.iterator]().next().value.segment;
  return ends.map(first).join('').toUpperCase() || '?';
}

/**
 * Initials on the author's colour, drawn by the style sheet as they are no part of any text; above
 * them the picture that the author's token names, if any. Nothing else is ever fetched from another
 * host, and that host is not told which page it was.
 */
export function avatarOf(author) {
  const avatar = element('span', { class: 'avatar', 'aria-hidden': 'true', 'data-initials': initialsOf(author.name) });
  avatar.style.setProperty('--hue', hueOf(author.id));
  if (author.avatar?.startsWith('https://')) {
    const picture = element('img', {
      alt: '',
      decoding: 'async',
      referrerpolicy: 'no-referrer',
      onerror: () => picture.remove(),
    });
    picture.src = author.avatar;
    avatar.append(picture);
  }
  return avatar;
}

export function nameOf(author) {
  const name = element('b', { class: 'name', dir: 'auto', title: author.name }, author.name);
  name.style.setProperty('--hue', hueOf(author.id));
  return name;
}

/** `null` for roles that need no mark. */
export function badgeOf(author) {
  const [title, mark] = BADGES[author.role] ?? [];
  return title ? element('span', { class: `badge ${author.role}` }, icon(mark), title) : null;
}

export const mayModerate = (author) => author !== null && author.role in BADGES;

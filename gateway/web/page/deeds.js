// What people do about a comment, each with a word about how it went.

import { wordsOf } from './refusal.js';
import { say } from './toast.js';

/** True when it was done; else it is said why not. */
export async function attempt(deed, words) {
  try {
    await deed();
    if (words) say(words);
    return true;
  } catch (error) {
    say(wordsOf(error));
    return false;
  }
}

/** True when it stands in the clipboard. */
export const copy = (text, words) =>
  attempt(async () => {
    if (!navigator.clipboard) throw new Error('nothing is copied: browsers allow it to pages of https only');
    await navigator.clipboard.writeText(text);
  }, words);

/** The deeds that need nobody but the room (of `chorus.js`). */
export function deedsOn(room) {
  return {
    copy: ({ text }) => copy(text, 'Copied.'),
    report: ({ id }) => attempt(() => room.report(id), 'Reported. A moderator will look at it.'),
    remove: ({ id }) => attempt(() => room.delete(id)),
    pin: ({ id }) => attempt(() => room.pin(id)),
    unpin: () => attempt(() => room.unpin()),
    ban: async ({ author }, options) => {
      if (!(await attempt(() => room.ban(author.id, options)))) return;
      say(`${author.name} is banned.`, [
        'Undo',
        () => attempt(() => room.unban(author.id), `${author.name} may write again.`),
      ]);
    },
  };
}

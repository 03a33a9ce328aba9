// What moderators set for the whole room: slow mode, and who can comment.

import { attempt } from './deeds.js';
import { ask } from './dialog.js';
import { element } from './element.js';

const SLOW_MODES = [
  [0, 'Off'],
  [5, '5 seconds'],
  [10, '10 seconds'],
  [30, '30 seconds'],
  [60, 'A minute'],
  [300, '5 minutes'],
];
const WHO = [
  ['everyone', 'Everyone'],
  ['authenticated', 'People who signed in'],
  ['nobody', 'Moderators only'],
];

/** A choice; what is set now is among them, also when it is none of ours. */
function choice(id, label, options, current) {
  const all = options.some(([value]) => value === current) ? options : [...options, [current, String(current)]];
  const entries = all.map(([value, words]) =>
    element('option', { value: String(value), selected: value === current }, words),
  );
  return [element('label', { for: id }, label), element('select', { id, name: id }, ...entries)];
}

/** Asks a moderator; `room` of `chorus.js`. */
export async function changeSettings(room) {
  let current;
  if (
    !(await attempt(async () => {
      current = await room.settings();
    }))
  )
    return;
  ask({
    title: 'Room settings',
    words: 'They hold for everybody but moderators, from now on.',
    fields: [
      ...choice('slow', 'Slow mode: one comment every', SLOW_MODES, current.slow_mode_s),
      ...choice('who', 'Who can comment', WHO, current.who_can_comment),
    ],
    action: 'Save',
    save: ({ elements: { slow, who } }) => {
      attempt(() => room.settings({ slow_mode_s: Number(slow.value), who_can_comment: who.value }), 'Saved.');
    },
  });
}

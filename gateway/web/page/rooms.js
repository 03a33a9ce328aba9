// Choosing a room.

import { isVideo, roomAddress } from './address.js';
import { ask, field } from './dialog.js';
import { element } from './element.js';
import { forGood } from './memory.js';

const ROOMS_MAX = 8;

/** Notes that this room was visited. */
export function visited(name) {
  forGood.rememberList('rooms', [name, ...forGood.recallList('rooms')], ROOMS_MAX);
}

/** Asks which room, and goes there. */
export function chooseRoom(current) {
  const others = forGood.recallList('rooms').filter((name) => isVideo(name) && name !== current);
  const chips = others.map((name) =>
    element('button', { class: 'chip', type: 'button', onclick: () => location.assign(roomAddress(name)) }, `#${name}`),
  );
  ask({
    title: 'Go to a room',
    words: 'One room per video. A room begins with its first comment.',
    fields: [
      ...field('room', 'Room', { value: '', placeholder: current ?? 'demo', required: true, maxlength: '64' }),
      element('div', { class: 'choices' }, ...chips),
    ],
    action: 'Go',
    save: (form) => {
      const name = form.elements.room.value.trim().replace(/^#/, '');
      if (!isVideo(name)) return 'Letters, digits, “-” and “_”, at most 64 of them.';
      location.assign(roomAddress(name));
    },
  });
}

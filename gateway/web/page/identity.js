// Who writes from this page: a name in development mode, else a token from the site's own login.

import { isOpen, token } from './address.js';
import { avatarOf, badgeOf, nameOf } from './author.js';
import { ask, field } from './dialog.js';
import { byId, element } from './element.js';
import { forGood, forThisTab } from './memory.js';

const NAME_MAX = 40;
const BIRDS = [
  'Wren',
  'Robin',
  'Lark',
  'Finch',
  'Swift',
  'Heron',
  'Linnet',
  'Plover',
  'Siskin',
  'Avocet',
  'Dunlin',
  'Merlin',
];

/** The name in development mode, which the server believes. */
export function openName() {
  if (!isOpen() || token()) return undefined;
  const known = forGood.recall('user');
  if (known) return known;
  const [bird, number] = crypto.getRandomValues(new Uint32Array(2));
  const name = `${BIRDS[bird % BIRDS.length]}-${(number % 900) + 100}`;
  forGood.remember('user', name);
  return name;
}

export function showMe(author) {
  const words = author ? [nameOf(author), badgeOf(author)] : ['Sign in'];
  byId('me').replaceChildren(...[avatarOf(author ?? { id: '', name: '?' }), ...words].filter(Boolean));
  byId('me').setAttribute('aria-label', author ? `You are ${author.name}. Change` : 'Sign in');
}

/** Asks for another name or token; the page begins anew with it. */
export function introduce(author, muted) {
  const asksName = isOpen() && !token();
  ask({
    title: asksName ? 'Your name' : 'Sign in',
    words: asksName
      ? 'This server runs in development mode: it believes whatever name you give.'
      : 'Paste a token of this site’s login, or of “chorus token --sub me --role moderator”. It stays in this tab.',
    fields: [
      ...(asksName
        ? field('name', 'Name', { value: author?.name ?? '', maxlength: String(NAME_MAX), required: true })
        : field('token', 'Token', { value: '', placeholder: author ? 'empty: sign out' : 'eyJ…' })),
      ...mutedFields(muted),
    ],
    action: asksName ? 'Use this name' : 'Sign in',
    save: (form) => (asksName ? rename(form.elements.name.value) : signIn(form.elements.token.value.trim())),
  });
}

function mutedFields(muted) {
  const people = muted.list();
  if (people.length === 0) return [];
  const chip = (id) => {
    const button = element(
      'button',
      {
        class: 'chip',
        type: 'button',
        onclick: () => {
          muted.unmute(id);
          button.remove();
        },
      },
      'Unmute ',
      element('bdi', {}, id),
    );
    return button;
  };
  return [element('div', { class: 'choices' }, ...people.map(chip))];
}

function rename(typed) {
  const name = typed.trim();
  if (name === '' || /\p{Cc}/u.test(name)) return 'A name needs at least one character, all of them printable.';
  forGood.remember('user', name);
  location.reload();
}

function signIn(value) {
  if (value !== '' && value.split('.').length !== 3)
    return 'That is not a token: it has three parts with dots between them.';
  // Where nothing is kept, the page that begins anew is given it as frames are.
  if (!forThisTab.remember('token', value)) location.hash = `token=${value}`;
  location.reload();
}

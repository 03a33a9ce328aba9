// Light, dark, or as the system says.

import { byId } from './element.js';
import { icon } from './icons.js';
import { forGood } from './memory.js';

const NEXT = { system: 'light', light: 'dark', dark: 'system' };
const WORDS = { system: 'as the system', light: 'light', dark: 'dark' };

function show(theme) {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId('theme').replaceChildren(icon(theme));
  byId('theme').setAttribute('aria-label', `Theme: ${WORDS[theme]}. Change`);
  byId('theme').title = `Theme: ${WORDS[theme]}`;
}

export function startTheme() {
  let theme = forGood.recall('theme') in NEXT ? forGood.recall('theme') : 'system';
  show(theme);
  byId('theme').addEventListener('click', () => {
    theme = NEXT[theme];
    forGood.remember('theme', theme === 'system' ? null : theme);
    show(theme);
  });
}

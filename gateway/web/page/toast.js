// A short word about what was just done, with a way back where there is one.

import { element } from './element.js';

const LINGER_MS = 6000;
const toast = element('div', { class: 'toast', popover: 'manual', role: 'status' });
let timer = 0;

/** `undo`: `[label, act]`. */
export function say(words, undo) {
  clearTimeout(timer);
  if (!toast.isConnected) document.body.append(toast);
  const hide = () => toast.hidePopover();
  const back =
    undo &&
    element(
      'button',
      {
        type: 'button',
        onclick: () => {
          hide();
          undo[1]();
        },
      },
      undo[0],
    );
  toast.replaceChildren(words, ...(back ? [back] : []));
  toast.showPopover();
  timer = setTimeout(hide, LINGER_MS);
}

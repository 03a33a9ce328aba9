// A modal question: a title, fields, and what is done with them.

import { element } from './element.js';

/** Shows a dialog; `save(form)` returns why not, or nothing when it is done. */
export function ask({ title, words, fields, action, save }) {
  const wrong = element('p', { class: 'wrong', role: 'alert' });
  const form = element(
    'form',
    {
      method: 'dialog',
      onsubmit: (event) => {
        const why = save(form);
        wrong.textContent = why ?? '';
        if (why) event.preventDefault();
      },
    },
    element('h2', { id: 'dialog-title' }, title),
    element('p', {}, words),
    ...fields,
    wrong,
    element(
      'div',
      { class: 'buttons' },
      element('button', { class: 'quiet', type: 'button', onclick: () => dialog.close() }, 'Cancel'),
      element('button', { class: 'solid' }, action),
    ),
  );
  const dialog = element('dialog', { 'aria-labelledby': 'dialog-title', onclose: () => dialog.remove() }, form);
  // A click beside it closes it, as everywhere.
  dialog.addEventListener('pointerdown', ({ target }) => target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export const field = (id, label, attributes) => [
  element('label', { for: id }, label),
  element('input', { id, name: id, autocomplete: 'off', spellcheck: 'false', ...attributes }),
];

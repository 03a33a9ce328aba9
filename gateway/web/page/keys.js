// Walking through the comments by keyboard.

/** Arrow keys walk, Enter opens a comment's menu, R answers it, End goes to the newest, Escape to the composer. */
export function walkBy(scroller, list, { open, reply, follow, stay, write }) {
  const rowInView = () => {
    const { bottom } = scroller.getBoundingClientRect();
    return [...list.children].findLast((row) => row.getBoundingClientRect().bottom <= bottom + 1);
  };
  const focus = (row) => {
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: 'nearest' });
  };
  const step = (row, direction) => {
    stay();
    if (!row) focus(rowInView());
    else focus(direction < 0 ? row.previousElementSibling : row.nextElementSibling);
  };
  const acts = {
    ArrowUp: (row) => step(row, -1),
    ArrowDown: (row) => step(row, 1),
    PageUp: () => stay(),
    Home: () => stay(),
    End: () => {
      scroller.focus();
      follow();
    },
    Escape: () => write(),
    Enter: (row) => open(row),
    // (What is not acknowledged has no id to answer.)
    r: (row) => row && !row.comment.pending && reply(row.comment),
  };
  scroller.addEventListener('keydown', (event) => {
    const { target, key } = event;
    // Buttons inside a row keep their own Enter.
    if (event.ctrlKey || event.metaKey || event.altKey || (key === 'Enter' && target.closest('button'))) return;
    const act = acts[key];
    if (!act) return;
    if (!['PageUp', 'Home'].includes(key)) event.preventDefault();
    act(target.closest('.comment'));
  });
}

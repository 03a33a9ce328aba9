// What may be sent, by the rules of the server: so that nobody writes in vain.

/** Longest comment, in what a reader calls characters, and in bytes. */
export const TEXT_MAX = 500;
export const BYTES_MAX = 4096;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** `{ text, length, why }`: what would be sent, its characters, and why it can't be (`null`: it can). */
export function draftOf(typed) {
  const text = typed.trim().normalize('NFC');
  const length = [...graphemes.segment(text)].length;
  return { text, length, why: whyNot(text, length) };
}

function whyNot(text, length) {
  if (length === 0) return 'Nothing is written yet.';
  if (length > TEXT_MAX) return `That is ${length - TEXT_MAX} characters too long.`;
  if (new TextEncoder().encode(text).length > BYTES_MAX) return 'That is too long: its characters take too many bytes.';
  return null;
}

// What the page is told by its own address and by the gateway that served it.

import { forThisTab } from './memory.js';

const VIDEO = /^[A-Za-z0-9_-]{1,64}$/;
const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

export const isVideo = (name) => VIDEO.test(name);

/** The room of `?video=`, `demo` by default; `null` when that can't be a room's name. */
export function video() {
  const name = new URLSearchParams(location.search).get('video') ?? 'demo';
  return isVideo(name) ? name : null;
}

/** The address of another room, in the same form. */
export const roomAddress = (name) => `${location.pathname}?video=${encodeURIComponent(name)}`;

/** Base address of everything but the stream. */
export const api = () => meta('chorus-api') || location.origin;

/** Whether anyone is who they say (development mode), so that the page asks for a name, not a token. */
export const isOpen = () => meta('chorus-identity') === 'open';

const given = () => new URLSearchParams(location.hash.slice(1)).get('token');

/** Where only what is behind `#` changes, browsers load nothing: the page has to begin anew by itself. */
export const beginAnewForTokens = () => addEventListener('hashchange', () => given() !== null && location.reload());

/** `#token=…` is never sent to a server; it is kept for this tab and taken out of the address. */
export function token() {
  const brought = given();
  if (brought !== null) {
    history.replaceState(null, '', location.pathname + location.search);
    forThisTab.remember('token', brought);
  }
  return forThisTab.recall('token');
}

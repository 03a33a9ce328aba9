// The page: one room, and the parts that show it. Everything comes through chorus.js.

import { watch } from './chorus.js';
import { api, beginAnewForTokens, token, video as videoOf } from './page/address.js';
import { Room } from './page/room.js';
import { byId, element } from './page/element.js';
import { icon, placeIcons } from './page/icons.js';
import { openName } from './page/identity.js';
import { chooseRoom, visited } from './page/rooms.js';
import { showSnippets } from './page/snippets.js';
import { startTheme } from './page/theme.js';

const RECENT = 50;

function begin(video) {
  visited(video);
  document.title = `#${video} · chorus`;
  byId('room-name').textContent = video;
  byId('title').textContent = video;
  showSnippets(video);
  const room = watch(video, { api: api(), token: token() ?? undefined, user: openName(), recent: RECENT });
  new Room(room);
}

function refuse() {
  byId('room-name').textContent = '?';
  byId('title').textContent = 'There is no such room';
  byId('stage').classList.add('off');
  byId('beginning').classList.add('alone');
  byId('connection').dataset.state = 'refused';
  byId('connection-words').textContent = 'not connected';
  const words = 'A room’s name has letters, digits, “-” and “_”, at most 64 of them.';
  byId('beginning').replaceChildren(icon('bubble'), element('strong', {}, 'There is no such room'), words);
}

placeIcons();
startTheme();
beginAnewForTokens();
const video = videoOf();
byId('room-button').addEventListener('click', () => chooseRoom(video));
if (video === null) refuse();
else begin(video);

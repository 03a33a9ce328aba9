// How to use this room from a program: three things to copy.

import { copy as copied } from './deeds.js';
import { byId, element } from './element.js';
import { icon } from './icons.js';

function snippet(title, code) {
  const copy = element(
    'button',
    {
      class: 'round',
      type: 'button',
      'aria-label': `Copy: ${title}`,
      onclick: async () => {
        if (!(await copied(code))) return;
        copy.replaceChildren(icon('check'));
        setTimeout(() => copy.replaceChildren(icon('copy')), 1500);
      },
    },
    icon('copy'),
  );
  return element('div', { class: 'snippet' }, element('h3', {}, title), copy, element('pre', {}, ...breakable(code)));
}

/** Lines may end behind a slash rather than anywhere. */
const breakable = (code) => code.split(/(?<=\w\/)/).flatMap((part) => [part, element('wbr')]);

/** `video` is a room's name, so it needs no quoting anywhere. */
export function showSnippets(video) {
  const { origin } = location;
  byId('snippets').replaceChildren(
    snippet('Watch from a terminal', `curl -N ${origin}/v1/videos/${video}/stream`),
    snippet(
      'In your own page',
      `import { watch } from "${origin}/chorus.js";\n\nconst room = watch("${video}");\nroom.on("comment", ({ author, text }) => …);`,
    ),
    snippet('As a frame', `<iframe src="${origin}/embed?video=${video}"></iframe>`),
  );
}

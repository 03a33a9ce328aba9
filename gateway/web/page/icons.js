// Line icons of 24 × 24, drawn here so that nothing has to be fetched.

const PATHS = {
  reply: 'M10 8 5 13l5 5M5 13h9a5 5 0 0 0 5-5V6',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  send: 'M12 19V5M6 11l6-6 6 6',
  close: 'M6 6l12 12M18 6 6 18',
  down: 'M12 5v14M6 13l6 6 6-6',
  chevron: 'M7 10l5 5 5-5',
  pin: 'M9 4h6l-1 6 3 3v2H7v-2l3-3-1-6zM12 15v5',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  ban: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM6 6l12 12',
  mute: 'M4 10v4h4l5 4V6L8 10H4zM17 10l4 4M21 10l-4 4',
  flag: 'M6 21V4h11l-2 4 2 4H6',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  check: 'M5 13l4 4L19 7',
  warn: 'M12 4 3 20h18L12 4zM12 10v4M12 17h.01',
  sliders: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4',
  shield: 'M12 3 5 6v6c0 4 3 7 7 9 4-2 7-5 7-9V6l-7-3z',
  star: 'M12 4l2.400 5 5.600.7-4 3.800 1 5.500-5-2.700L7 19l1-5.500-4-3.800L9.600 9 12 4z',
  poll: 'M6 20v-7M12 20V5M18 20v-10',
  trophy: 'M8 4h8v6a4 4 0 0 1-8 0V4zM8 6H4c0 4 2 5 4 5M16 6h4c0 4-2 5-4 5M12 14v4M8 20h8',
  pulse: 'M3 12h4l3-7 4 14 3-7h4',
  pause: 'M9 6v12M15 6v12',
  play: 'M8 5l11 7-11 7z',
  system: 'M4 5h16v11H4zM9 20h6M12 16v4',
  light:
    'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M4.900 4.900l1.400 1.400M17.700 17.700l1.400 1.400M2 12h2M20 12h2M4.900 19.100l1.400-1.400M17.700 6.300l1.400-1.400',
  dark: 'M20 14A8.500 8.500 0 0 1 10 4a8.500 8.500 0 1 0 10 10z',
  bubble: 'M4 5h16v11H11l-4 4v-4H4z',
};
const VOICES = [
  ['M5 9v6', '#ff6a55'],
  ['M9.700 5v14', '#ff9d5c'],
  ['M14.300 8v8', '#b983f5'],
  ['M19 4.500v15', '#6d7dfa'],
];
const SVG = 'http://www.w3.org/2000/svg';

function stroke(d, color) {
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', d);
  path.setAttribute('stroke', color);
  return path;
}

/** An icon by its name; it says nothing to screen readers, its button does. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const is = {
    viewBox: '0 0 24 24',
    fill: 'none',
    'stroke-width': '2',
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
    'aria-hidden': 'true',
  };
  for (const [key, value] of Object.entries(is)) svg.setAttribute(key, value);
  if (name === 'mark') {
    svg.setAttribute('stroke-width', '2.600');
    svg.append(...VOICES.map(([d, color]) => stroke(d, color)));
  } else {
    svg.append(stroke(PATHS[name], 'currentColor'));
  }
  return svg;
}

/** Fills the page's own `data-icon` places. */
export function placeIcons() {
  for (const place of document.querySelectorAll('[data-icon]')) place.replaceChildren(icon(place.dataset.icon));
}

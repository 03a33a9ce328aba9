// A room that looks like one: people of several scripts, answers, reactions, and what the server doesn't send
// yet.
const LINES = [
  ['Ana Lima', 'What a start!! 🔥'],
  ['kenji_92', 'めっちゃ面白い、最初から全力だ'],
  ['Omar Haddad', 'هذا رائع جداً، تحية من القاهرة'],
  ['Priya', 'The camera work on that last play was unreal'],
  ['Ольга', 'Привет из Новосибирска 👋'],
  ['Sam Okafor', 'Who else is here from the pre-show?'],
  ['李雷', '这个速度太快了'],
  ['marta.k', 'I blinked and missed it, can someone say what happened?'],
  ['Sam Okafor', 'Goal from the halfway line. No joke.', 7],
  ['דנה', 'איזה משחק!'],
  ['Theo', '👏👏👏'],
  ['lucie', 'C’est magnifique, on dirait un film'],
  ['Ana Lima', 'Okay that replay makes it even better. Look at the keeper’s face when it goes over him, priceless 😂'],
  ['dev_null', 'the delay is nothing, I type and it is just there'],
  ['Jo', 'GOOOOAL'],
  ['Noor', 'same here, no delay at all', 13],
  ['Priya', 'Half-time predictions? I say 3–1'],
  ['Theo', '2–2 and penalties, I want drama', 16],
];

/** Posts them; the comments as they were answered. `bearer(name)`: a token for one of them, where tokens are needed. */
export async function fill(url, bearer = () => null) {
  const posted = [];
  for (const [name, text, answers] of LINES) {
    const token = bearer(name);
    const response = await fetch(`${url}/v1/videos/demo/comments`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        // As bytes of UTF-8, which is what the server takes.
        ...(token ? { Authorization: `Bearer ${token}` } : { 'X-Chorus-User': Buffer.from(name).toString('latin1') }),
      },
      body: JSON.stringify({ text, reply_to: answers === undefined ? undefined : posted[answers].id }),
    });
    if (!response.ok) throw new Error(await response.text());
    posted.push(await response.json());
  }
  return posted;
}

/** A busy evening's presses. */
const PRESSES = { like: 42, love: 31, laugh: 9, wow: 17, applause: 24 };

export async function react(url, kind, count, user = 'Ben') {
  const response = await fetch(`${url}/v1/videos/demo/reactions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Chorus-User': user },
    body: JSON.stringify({ kind, count }),
  });
  if (!response.ok) throw new Error(await response.text());
}

/** Presses by somebody who watches no more. */
export async function cheer(url) {
  for (const [kind, count] of Object.entries(PRESSES)) await react(url, kind, count);
}

/** What a stream may carry besides comments, with numbers that no test reaches. */
export const EVENTS = {
  viewers: { count: 12408 },
  reactions: { totals: { like: 1204, love: 853, laugh: 97, wow: 41, applause: 310 } },
  leaderboard: {
    top: [
      { id: 'ana', name: 'Ana Lima', score: 1280 },
      { id: 'kenji_92', name: 'kenji_92', score: 1175 },
      { id: 'priya', name: 'Priya', score: 990 },
    ],
  },
  poll: {
    id: 'p1',
    question: 'Who scores next?',
    options: ['Home', 'Away', 'Nobody before half-time'],
    totals: [412, 207, 88],
  },
  odds: { Home: '1.85', Draw: '3.40', Away: '4.20' },
};

const block = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}`;

/** Has a proxy send these, by name or as `[name, data]`, behind each stream’s verdict, instead of the server’s. */
export function adding(proxy, events) {
  const all = Array.isArray(events) ? events : Object.entries(events);
  const more = all.map(([name, data]) => block(name, data));
  const isReplaced = (given) => all.some(([name]) => given.startsWith(`event: ${name}\n`));
  proxy.edit = (given) => {
    if (given.includes('event: resume')) return [given, ...more].join('\n\n');
    return isReplaced(given) ? null : given;
  };
}

/** … and this one behind a comment that says so. */
export function addingAfter(proxy, text, name, data) {
  const before = proxy.edit ?? ((given) => given);
  proxy.edit = (given) =>
    given.includes(`"text":"${text}"`) ? [given, block(name, data)].join('\n\n') : before(given);
}

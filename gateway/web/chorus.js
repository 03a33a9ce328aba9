// Live comments of live video; chorus.d.ts tells how to use it.
// One tab of a browser leads: it reads the stream and passes its blocks on. Every tab takes a block
// alike and keeps the latest, so that any can lead next.

const TIMING = { firstByte: 5e3, polling: 12e4, silence: 4e4, backoff: 1e3, answer: 15e3 };
const POLL_GAP = 100;
const REMEMBERED = 5000; // ids
const RING = 500; // blocks kept for other tabs
const PAGES = 10; // of 200 comments, read after a reset
const OVERLAP = 6e4; // ms that one comment may overtake another by
const LINE_MAX = 1e6;
const SNAPSHOTS = ['settings', 'pin', 'reactions', 'viewers', 'leaderboard', 'poll'];
const EVENTS = [...SNAPSHOTS, 'state', 'comment', 'delete', 'hide', 'skipped', 'reset', 'end'];

export class ChorusError extends Error {
  constructor(problem) {
    super(problem.detail);
    Object.assign(this, { name: 'ChorusError', status: 0, title: 'Not reached', errors: [], retryAfterS: null, ...problem });
  }
}

const newKey = () => Date.now().toString(36) + Math.random().toString(36).slice(2);

/** `turn.wake()` ends it early. */
const sleep = (ms, turn = {}) => new Promise((done) => {
  const timer = setTimeout(done, ms);
  turn.wake = () => done(clearTimeout(timer));
});

const backoff = (ms, failures) => ms * Math.min(30, 2 ** failures / 2) * (1 + Math.random()) / 2;

/** Sets in a map, of which the oldest goes when it is full. */
const remember = (map, key, value, max = REMEMBERED) => {
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value);
};

const claimsOf = (token) => {
  try {
    const text = atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (byte) => byte.charCodeAt(0))));
  } catch {
    return {};
  }
};

/** Ids begin with their time: how those begin that are `ms` older. */
const older = (id, ms) => (parseInt(id.replace('-', ''), 16) - ms).toString(16).padStart(12, 0).replace(/.{8}/, '$&-');

/** Requests, and the token that they bear. */
function makeApi({ api, path, token, user, timing }) {
  let current;
  const bearer = () => current ??= (async () => typeof token === 'function' ? token() : token)()
    .catch((error) => { current = null; throw error; });

  /** Is there another than the one that was refused? */
  const renewed = async (refused) => {
    if (await bearer() === refused) current = null;
    return await bearer() !== refused;
  };

  const request = async (method, what, body, key, bearer) => {
    const response = await fetch(api + path + what, {
      method,
      body: body && JSON.stringify(body),
      headers: {
        ...bearer ? { Authorization: `Bearer ${bearer}` } : user && { 'X-Chorus-User': String.fromCharCode(...new TextEncoder().encode(user)) },
        ...method === 'POST' && { 'Idempotency-Key': key },
        ...body && { 'Content-Type': 'application/json' },
      },
      signal: AbortSignal.timeout(timing.answer),
    });
    const { ok, status, statusText: title, headers } = response;
    const answer = await response.text();
    if (ok) return answer && JSON.parse(answer);
    const { request_id: requestId, ...problem } = answer[0] === '{' ? JSON.parse(answer) : { detail: title };
    throw new ChorusError({ title, ...problem, status, requestId, retryAfterS: parseInt(headers.get('Retry-After')) || null });
  };

  /** Every request is safe to repeat, a POST by its key. */
  const call = async (method, what, body, key = newKey()) => {
    for (let tries = 1; ; tries++) {
      const sent = await bearer();
      try {
        return await request(method, what, body, key, sent);
      } catch (cause) {
        const error = cause.errors ? cause : new ChorusError({ detail: cause.message });
        const { status, retryAfterS } = error;
        if (status === 401 && tries < 2 && await renewed(sent)) continue;
        if (tries > 4 || retryAfterS > 10 || ![0, 502, 503, 504].includes(status)) throw error;
        await sleep(Math.max(retryAfterS * 1e3, backoff(timing.backoff, tries)));
      }
    }
  };

  // (Leaves out what is undefined.)
  const history = (page) => call('GET', `comments?${new URLSearchParams(JSON.parse(JSON.stringify(page)))}`);
  return { bearer, renewed, call, history };
}

/** What was shown, and what becomes of the next block. */
function makeFeed(emit, history) {
  const shown = new Map();
  const gone = new Map();
  const hidden = new Map(); // author → newest comment that is hidden
  const latest = new Map();
  const ring = [];
  let newest = '';

  const isGone = ({ id, author }) => gone.has(id) || id <= hidden.get(author.id);
  const isNew = (comment) => !shown.has(comment.id) && !isGone(comment);

  const show = (comment, replaces) => {
    const { id } = comment;
    remember(shown, id);
    if (id > newest) newest = id;
    feed.missed++;
    emit('comment', replaces ? { ...comment, replaces } : comment);
  };

  /** The pending comment that this one is; it is pending no more. */
  const settle = ({ text, author }) => {
    for (const [id, posted] of feed.pending) {
      if (posted.text === text && (posted.author ?? author.id) === author.id && feed.pending.delete(id)) return id;
    }
  };

  const take = ({ type, data, id }) => {
    if (id) feed.position = id;
    if (type === 'delete' && gone.has(data.id)) type = '';
    if (type === 'comment') {
      if (isNew(data)) show(data, settle(data));
    } else if (type) {
      if (type === 'state') feed.state = data;
      if (type === 'delete') remember(gone, data.id);
      if (type === 'hide') remember(hidden, data.author, newest);
      if (EVENTS.includes(type)) emit(type, data);
      else emit('event', { type, data, id: id ?? null });
    }
    if (SNAPSHOTS.includes(type)) remember(latest, type + data?.id, { type, data }, 50);
    else if (type !== 'state') ring.push({ type, data, id });
    if (ring.length > RING) ring.shift();
  };

  /** For a tab that got as far as `position`: what follows, or all when nobody knows. */
  const since = (position, recent) => {
    const index = position ? ring.findLastIndex(({ id }) => id === position) + 1 : Math.max(0, ring.length - recent);
    const rest = ring.slice(index).map((block) => block.type === 'comment' && isGone(block.data) ? { id: block.id } : block);
    const state = { type: 'state', data: { state: feed.state.state, missed: 0 } };
    return { blocks: [...rest, ...latest.values(), state], isLost: position && !index };
  };

  /** Shows what history has since a minute before the newest comment, takes away what it lacks. */
  const heal = async (pass) => {
    const known = [...shown.keys()];
    // (What is older than all that we know may have been shown and forgotten.)
    const start = newest && [known[0], older(newest, OVERLAP)].sort()[1];
    let found = [];
    let before;
    let complete = false;
    try {
      for (let page = 0; !complete && page < PAGES; page++) {
        const { comments, next } = await history({ before, limit: 200 });
        found = found.concat(comments);
        before = next;
        complete = !start || !next || next <= start;
      }
    } catch { /* incomplete */ }
    const from = complete ? start : before ?? '~';
    for (const id of known) {
      if (id > from && !found.some((comment) => comment.id === id)) pass({ type: 'delete', data: { id } });
    }
    found = found.filter((comment) => comment.id > start && isNew(comment));
    for (const data of found.reverse()) pass({ type: 'comment', data });
    pass({ type: 'reset', data: { recovered: found.length, complete } });
  };

  const feed = { position: '', state: { state: 'connecting' }, missed: 0, pending: new Map(), isGone, isNew, show, take, since, heal };
  return feed;
}

/** Makes blocks of a stream's text; a heartbeat is an empty one. */
function makeParser() {
  let rest = '';
  let block = {};
  return function* parse(text) {
    // (A CR at the end may be half a CRLF.)
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    if (rest.length > LINE_MAX) throw new Error('a line without end');
    for (const line of lines) {
      const [name, value = ''] = line.split(/: ?(.*)/s);
      if (name) block[name] = name === 'data' && block.data ? `${block.data}\n${value}` : value;
      if (line) continue;
      const { event: type, data, id, retry } = block;
      yield { type, data: data && JSON.parse(data), id, retry };
      block = {};
    }
  };
}

/** Reads one stream after another and passes their blocks on. */
function makeReader({ stream, path, recent, rate, tickets, timing }, feed, { bearer, renewed, call }, pass) {
  let pollUntil = 0;
  let needsTicket = true;
  const tell = (state, more) => pass({ type: 'state', data: { state, ...more } });

  const open = async (turn) => {
    const query = new URLSearchParams(feed.position ? { after: feed.position } : { recent });
    if (rate) query.set('rate', rate);
    if (turn.isPoll) query.set('poll', feed.position ? 25 : 1);
    turn.token = await bearer();
    if (tickets && needsTicket) query.set('ticket', tickets.call ? await tickets() : (await call('POST', 'tickets', {})).ticket);
    const { status, body } = await fetch(`${stream}${path}stream?${query}`, {
      cache: 'no-store',
      credentials: tickets ? 'include' : 'same-origin',
      headers: turn.token && !tickets ? { Authorization: `Bearer ${turn.token}` } : {},
      signal: turn.attempt.signal,
    });
    needsTicket = status === 401;
    if (needsTicket && !tickets) turn.final = 'expired';
    if (status === 204) turn.final = feed.state.state === 'banned' ? 'banned' : 'ended';
    if (status !== 200) throw new Error(status);
    return body.getReader();
  };

  const watchdog = (turn, ms) => {
    clearTimeout(turn.alarm);
    turn.alarm = setTimeout(() => { turn.isSilent = true; turn.attempt.abort(); }, ms);
  };

  const resume = async (turn, { id, data }) => {
    turn.isServed = true;
    feed.missed = 0;
    if (!turn.isPoll && data.status !== 'new') tell('catching-up');
    if (data.status === 'reset') {
      // Nothing is read meanwhile, so history comes before what follows.
      clearTimeout(turn.alarm);
      await sleep(data.wait_ms, turn);
      await feed.heal(pass);
      if (turn.isOver) return;
    }
    pass({ id });
    turn.to = data.to;
  };

  /** All that was missed is shown. */
  const arrived = (turn) => {
    const state = turn.isPoll ? 'polling' : 'live';
    if (turn.to && feed.state.state !== state) tell(state, { missed: feed.missed });
    turn.to = null;
  };

  /** One connection. */
  const read = async (turn) => {
    watchdog(turn, turn.isPoll ? timing.silence : timing.firstByte);
    const reader = await open(turn);
    const parse = makeParser();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return arrived(turn);
      turn.isHeard = true;
      for (const block of parse(decoder.decode(value, { stream: true }))) {
        const { type, id, data, retry } = block;
        if (retry) turn.retry = +retry;
        if (type === 'resume') await resume(turn, block);
        else if (type || id) pass({ type, id, data });
        if (type === 'end') turn.final = data.reason;
        if (feed.position === turn.to || !(type || id || retry)) arrived(turn);
      }
      watchdog(turn, timing.silence);
    }
  };

  /** Until the turn is over, or the stream for ever: the result is the final state. */
  return async (turn) => {
    for (let failures = 1; ; failures++) {
      const isPoll = Date.now() < pollUntil;
      Object.assign(turn, { retry: 0, isServed: false, isHeard: false, isSilent: false, to: null, final: null, isPoll, attempt: new AbortController() });
      try {
        await read(turn);
      } catch (error) {
        if (error.status === 401) turn.final = 'expired';
      }
      clearTimeout(turn.alarm);
      turn.attempt.abort();
      if (turn.final === 'expired') {
        needsTicket = true;
        // (A token that can't be had now is asked for again.)
        if (tickets?.call || await renewed(turn.token).catch(() => true)) turn.final = null;
      }
      if (turn.isOver || turn.final) return turn.final;
      const isBuffered = turn.isSilent && !turn.isHeard && !isPoll;
      if (isBuffered) pollUntil = Date.now() + timing.polling;
      if (turn.isServed) failures = 0;
      const isNext = isBuffered || (isPoll && turn.isServed);
      const wait = isNext ? POLL_GAP : turn.retry || backoff(timing.backoff, failures);
      if (!isNext) tell('reconnecting', { retry_at: Date.now() + wait });
      await sleep(wait, turn);
    }
  };
}

/** The tabs that share a stream; who holds the lock leads. */
function makeTabs({ recent, timing }, feed, lead, take, finish) {
  const tab = newKey();
  let turn = {};
  let channel;
  let hellos; // who asked for what they lack; set while we lead
  let leader = 0; // the latest one's beginning
  let joined; // the one whose blocks we take
  let silence;
  let isOver;

  const say = (message) => channel?.postMessage({ by: leader, ...message });

  const listen = (ms, otherwise) => {
    clearTimeout(silence);
    silence = setTimeout(otherwise, ms);
  };

  const endTurn = () => {
    turn.isOver = true;
    turn.attempt?.abort();
    turn.queue?.abort();
    turn.wake?.();
    hellos = null;
  };

  const leave = () => {
    clearTimeout(silence);
    channel?.close();
    channel = null;
  };

  const hello = () => {
    say({ hello: tab, position: feed.position, recent });
    listen(timing.firstByte, () => { turn.steal = true; endTurn(); });
  };

  /** Once we are where the stream is. */
  const greet = () => {
    if (!hellos || !/live|polling/.test(feed.state.state)) return;
    for (const [to, { position, recent }] of hellos) say({ to, ...feed.since(position, recent) });
    hellos.clear();
  };

  const hear = ({ data: message }) => {
    const { by, to, blocks, isLost, hello: from } = message;
    if (from) {
      if (!hellos) return;
      remember(hellos, from, message, 100);
      say({ blocks: [] });
      return greet();
    }
    if (hellos || by < leader) return;
    // A leader that is not heard is frozen, and loses its lock.
    listen(timing.silence, hello);
    if (to && to !== tab) return;
    const isOurs = (to && joined !== by) || (!to && joined === by);
    if (to) joined = by;
    else if (by > leader) hello();
    leader = by;
    if (isLost) feed.heal(take);
    for (const block of blocks) if (isOurs || block.type === 'state') take(block);
    if (/ended|banned/.test(feed.state.state)) finish(feed.state.state);
  };

  const run = async () => {
    clearTimeout(silence);
    hellos = new Map();
    leader = Math.max(Date.now(), leader + 1);
    const final = await lead(turn);
    if (final) finish(final);
  };

  const begin = async (name) => {
    const locks = globalThis.navigator?.locks;
    if (!name || !locks) return run();
    for (let steal = false; !isOver; steal = turn.steal) {
      turn = { queue: new AbortController() };
      try {
        channel ??= Object.assign(new BroadcastChannel(name), { onmessage: hear });
        hello();
        await locks.request(name, steal ? { steal } : { signal: turn.queue.signal }, run);
      } catch (error) {
        // (Tabs can't share here.)
        if (error.name !== 'AbortError') return leave(), run();
      }
      endTurn();
    }
  };

  const end = () => {
    isOver = true;
    endTurn();
    leave();
  };
  return { begin, say, greet, end };
}

export function watch(video, options = {}) {
  const { origin } = new URL(import.meta.url);
  const { stream = origin, api = origin, share = true, recent = 20, rate, user, tickets } = options;
  const path = `/v1/videos/${encodeURIComponent(video)}/`;
  const config = { ...options, stream, api, path, recent, timing: { ...TIMING, ...options.timing } };
  const target = new EventTarget();
  const emit = (name, data) => target.dispatchEvent(Object.assign(new Event(name), { data }));
  const { bearer, renewed, call, history } = makeApi(config);
  const feed = makeFeed(emit, history);
  let isOver;

  const take = (block) => isOver || feed.take(block);
  const pass = (block) => {
    take(block);
    tabs.say({ blocks: [block] });
    tabs.greet();
  };
  const finish = (state) => {
    const block = { type: 'state', data: { state } };
    if (/ended|banned/.test(state)) tabs.say({ blocks: [block] });
    isOver = true;
    tabs.end();
    if (feed.state.state !== state) feed.take(block);
  };
  const tabs = makeTabs(config, feed, makeReader(config, feed, { bearer, renewed, call }, pass), take, finish);
  bearer().catch(() => {}).then((token) => {
    const who = claimsOf(token).sub ?? token ?? !!tickets;
    if (!isOver) tabs.begin(share && `chorus 1 ${JSON.stringify([stream, video, rate, who])}`);
  });

  const me = async () => {
    const { sub: id = user, name = id, role, avatar } = claimsOf(await bearer());
    return id ? { id, name, role, avatar } : null;
  };
  const ban = (id) => `bans/${encodeURIComponent(id)}`;
  return {
    video,
    get state() { return feed.state; },
    on(name, listener) {
      const heard = ({ data }) => listener(data);
      target.addEventListener(name, heard);
      return () => target.removeEventListener(name, heard);
    },
    me,
    async post(text, { replyTo: reply_to, key = newKey() } = {}) {
      const author = await me();
      const id = `pending:${key}`;
      const sent = { video, text: text.trim().normalize(), reply_to };
      feed.pending.set(id, { author: author?.id, text: sent.text });
      emit('comment', { id, author: author ?? { id: '', name: '' }, created_at: new Date().toISOString(), pending: true, ...sent });
      let comment;
      try {
        return comment = await call('POST', 'comments', { text, reply_to }, key);
      } finally {
        const isPending = feed.pending.delete(id);
        if (comment && feed.isNew(comment)) feed.show(comment, isPending && id);
        else if (isPending) emit('delete', { id });
      }
    },
    async history(which = {}) {
      const page = await history(which);
      return { ...page, comments: page.comments.filter((comment) => !feed.isGone(comment)) };
    },
    async one(id) {
      try {
        const comment = await call('GET', `comments/${id}`);
        return feed.isGone(comment) ? null : comment;
      } catch (error) {
        if (error.status === 404) return null;
        throw error;
      }
    },
    async delete(id) {
      await call('DELETE', `comments/${id}`);
      feed.take({ type: 'delete', data: { id } });
    },
    async settings(change) {
      const now = await call('GET', 'settings');
      return change ? call('PUT', 'settings', { ...now, ...change }) : now;
    },
    report: (id, reason) => call('POST', `comments/${id}/reports`, { reason }),
    pin: (comment) => call('PUT', 'pin', { comment }),
    unpin: () => call('DELETE', 'pin'),
    ban: (id, how = {}) => call('PUT', ban(id), how),
    unban: (id) => call('DELETE', ban(id)),
    react: (kind, count = 1) => call('POST', 'reactions', { kind, count }),
    vote: (poll, option) => call('PUT', `polls/${poll}/vote`, { option }),
    stats: () => call('GET', 'stats'),
    close: () => finish('closed'),
  };
}

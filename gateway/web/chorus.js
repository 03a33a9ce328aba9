// Live comments of live video; chorus.d.ts tells how to use it. One tab of a browser leads: it reads
// the stream and passes its blocks on. All take a block alike and keep the latest: any can lead next.

const TIMING = { firstByte: 5e3, polling: 12e4, silence: 4e4, backoff: 1e3, answer: 15e3 };
const POLL_GAP = 100;
const REMEMBERED = 5000; // ids
const RING = 500; // blocks kept for other tabs
const PAGES = 10; // of 200 comments, read after a reset
const OVERLAP = 6e4; // ms that comments may come late by
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

const backoff = (ms, failures) => ms * Math.min(60, 2 ** failures) * (1 + Math.random()) / 4;

const remember = (map, key, value, max = REMEMBERED) => {
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value);
};

const isFinal = (state) => /ended|banned/.test(state);
const stateBlock = (state, more) => ({ type: 'state', data: { state, ...more } });

const claimsOf = (token) => {
  try {
    const text = atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (byte) => byte.charCodeAt(0))));
  } catch {
    return {};
  }
};

/** Milliseconds, which ids begin with. */
const timeOf = (id) => parseInt(id.replace('-', ''), 16);

/** Requests, and the token that they bear. */
function makeApi({ api, path, token, user, timing }) {
  let current;
  const bearer = () => current ??= (async () => typeof token === 'function' ? token() : token)()
    .catch((error) => { current = null; throw error; });

  const renewed = async (refused) => {
    if (await bearer() === refused) current = null;
    return await bearer() !== refused;
  };

  /** Every request is safe to repeat, a POST by its key. */
  const call = async (method, what, body, key = newKey()) => {
    for (let tries = 1, isRenewed; ; tries++) {
      const sent = await bearer();
      let error;
      try {
        const response = await fetch(api + path + what, {
          method,
          body: body && JSON.stringify(body),
          headers: {
            ...sent ? { Authorization: `Bearer ${sent}` } : user && { 'X-Chorus-User': String.fromCharCode(...new TextEncoder().encode(user)) },
            ...method === 'POST' && { 'Idempotency-Key': key },
            ...body && { 'Content-Type': 'application/json' },
          },
          signal: AbortSignal.timeout(timing.answer),
        });
        const { ok, status, statusText: title, headers } = response;
        const answer = await response.text();
        if (ok) return answer && JSON.parse(answer);
        const { request_id: requestId, ...problem } = answer[0] === '{' ? JSON.parse(answer) : { detail: title };
        error = new ChorusError({ title, ...problem, status, requestId, retryAfterS: parseInt(headers.get('Retry-After')) || null });
      } catch (cause) {
        error = new ChorusError({ detail: cause.message });
      }
      const { status, retryAfterS } = error;
      if (status === 401 && !isRenewed && (isRenewed = await renewed(sent))) continue;
      if (tries > 4 || retryAfterS > 10 || ![0, 502, 503, 504].includes(status)) throw error;
      await sleep(Math.max(retryAfterS * 1e3, backoff(timing.backoff, tries)));
    }
  };

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
  let newest = ''; // that a stream or history told: what is posted here says nothing of the others

  const isGone = ({ id, author }) => gone.has(id) || id <= hidden.get(author.id);
  const isNew = (comment) => !shown.has(comment.id) && !isGone(comment);

  const show = (comment, replaces) => {
    remember(shown, comment.id);
    feed.missed++;
    emit('comment', replaces ? { ...comment, replaces } : comment);
  };

  const settle = ({ text, author }) => {
    for (const [id, posted] of feed.pending) {
      if (posted.text === text && (posted.author ?? author.id) === author.id && feed.pending.delete(id)) return id;
    }
  };

  const take = ({ type, data, id }) => {
    if (feed.isOver) return;
    if (id) feed.position = id;
    if (type === 'delete' && gone.has(data.id)) type = '';
    if (type === 'comment') {
      if (data.id > newest) newest = data.id;
      if (isNew(data)) show(data, settle(data));
    } else if (type) {
      if (type === 'state') feed.state = data;
      if (type === 'delete') remember(gone, data.id);
      if (type === 'hide') remember(hidden, data.author, newest);
      if (EVENTS.includes(type)) emit(type, data);
      else emit('event', { type, data, id: id ?? null });
    }
    if (SNAPSHOTS.includes(type)) remember(latest, type + data?.id, { type, data }, RING);
    else if (type !== 'state') ring.push({ type, data, id });
    if (ring.length > RING) ring.shift();
  };

  /** What follows a position; all when nobody knows. */
  const since = (position, recent) => {
    const index = position ? ring.findLastIndex(({ id }) => id === position) + 1 : Math.max(0, ring.length - recent);
    const rest = ring.slice(index).map((block) => block.type === 'comment' && isGone(block.data) ? { id: block.id } : block);
    return { blocks: [...rest, ...latest.values(), stateBlock(feed.state.state, { missed: 0 })], isLost: position && !index };
  };

  /** Shows what history has since a minute before the newest comment; takes away what it lacks. */
  const heal = async (pass) => {
    const known = [...shown.keys()];
    // (Older than all that we know: may have been shown and forgotten.)
    const start = newest ? Math.max(timeOf(known[0]), timeOf(newest) - OVERLAP) : 0;
    let from = Infinity;
    let found = [];
    let before;
    try {
      for (let page = 0; from > start && page < (start ? PAGES : 1); page++) {
        const { comments, next } = await history({ before, limit: 200 });
        found = found.concat(comments);
        before = next;
        from = next ? Math.max(start, timeOf(next)) : start;
      }
    } catch { /* incomplete */ }
    for (const id of known) {
      if (timeOf(id) > from && !found.some((comment) => comment.id === id)) pass({ type: 'delete', data: { id } });
    }
    found = found.filter((comment) => timeOf(comment.id) >= start && isNew(comment));
    for (const data of found.reverse()) pass({ type: 'comment', data });
    pass({ type: 'reset', data: { recovered: found.length, complete: from <= start } });
  };

  const feed = { position: '', state: { state: 'connecting' }, missed: 0, pending: new Map(), isGone, isNew, show, take, since, heal };
  return feed;
}

/** Makes blocks of a stream's text; a heartbeat is an empty one. */
function makeParser() {
  let rest = '';
  let block = {};
  return function* parse(text) {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    if (rest.length > LINE_MAX) throw new Error('a line without end');
    for (const line of lines) {
      const [name, value] = line.split(/: ?(.*)/s);
      if (name) block[name] = value;
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
  const tell = (state, more) => pass(stateBlock(state, more));

  const open = async (link) => {
    const query = new URLSearchParams(feed.position ? { after: feed.position } : { recent });
    if (rate) query.set('rate', rate);
    if (link.isPoll) query.set('poll', feed.position ? 25 : 1);
    link.token = await bearer();
    if (tickets && needsTicket) query.set('ticket', tickets.call ? await tickets() : (await call('POST', 'tickets', {})).ticket);
    const { status, headers, body } = await fetch(`${stream}${path}stream?${query}`, {
      credentials: tickets ? 'include' : 'same-origin',
      headers: link.token && !tickets ? { Authorization: `Bearer ${link.token}` } : {},
      signal: link.signal,
    });
    needsTicket = status === 401;
    if (needsTicket && !tickets) link.final = 'expired';
    if (status === 204) link.final = headers.get('Chorus-End') ?? 'ended';
    if (status !== 200) throw new Error(`${status}`);
    return body.getReader();
  };

  const watchdog = (link, ms, isFirst) => {
    clearTimeout(link.alarm);
    link.alarm = setTimeout(() => link.abort(link.isBuffered = isFirst), ms);
  };

  const resume = async (link, { id, data }) => {
    const isNew = data.status === 'new';
    link.isServed = true;
    feed.missed = 0;
    if (!link.isPoll && !isNew) tell('catching-up');
    if (data.status === 'reset') {
      // Nothing is read meanwhile, so history comes before what follows.
      clearTimeout(link.alarm);
      await sleep(data.wait_ms);
      if (!link.signal.aborted) await feed.heal(pass);
      link.signal.throwIfAborted();
    }
    pass({ id });
    Object.assign(link, { isNew, to: data.to });
  };

  /** All that was missed is shown. */
  const arrived = (link) => {
    const state = link.isPoll ? 'polling' : 'live';
    if (link.to && feed.state.state !== state) tell(state, { missed: link.isNew ? 0 : feed.missed });
    link.to = null;
  };

  /** One connection. */
  const read = async (link) => {
    watchdog(link, link.isPoll ? timing.silence : timing.firstByte, !link.isPoll);
    const reader = await open(link);
    const parse = makeParser();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return arrived(link);
      for (const block of parse(decoder.decode(value, { stream: true }))) {
        const { type, id, data, retry } = block;
        if (retry) link.retry = +retry;
        if (type === 'resume') await resume(link, block);
        else if (type || id) pass({ type, id, data });
        if (type === 'end') link.final = data.reason;
        if (feed.position === link.to || !(type || id || retry)) arrived(link);
      }
      watchdog(link, timing.silence);
    }
  };

  /** Until the turn is over, or the stream for ever: the result is the final state. */
  return async (turn) => {
    for (let failures = 1; ; failures++) {
      const isPoll = Date.now() < pollUntil;
      /** @type {any} */
      const link = turn.link = Object.assign(new AbortController(), { isPoll });
      try {
        await read(link);
      } catch (error) {
        if (error.status === 401) link.final = 'expired';
      }
      clearTimeout(link.alarm);
      link.abort();
      if (link.final === 'expired') {
        needsTicket = true;
        // (A token that can't be had now is asked for again.)
        if (tickets?.call || await renewed(link.token).catch(() => true)) link.final = null;
      }
      if (turn.isOver || link.final) return link.final;
      if (link.isBuffered) pollUntil = Date.now() + timing.polling;
      if (link.isServed) failures = 0;
      const isNext = link.isBuffered || (isPoll && link.isServed);
      const wait = isNext ? POLL_GAP : link.retry || backoff(timing.backoff, failures);
      if (!isNext) tell('reconnecting', { retry_at: Date.now() + wait });
      await sleep(wait, turn);
    }
  };
}

/** The tabs that share a stream; who holds the lock leads. */
function makeTabs({ recent, timing }, feed, lead, finish) {
  const tab = newKey();
  let turn = {};
  let channel;
  let hellos; // who asked for what they lack; set while we lead
  let leader = 0; // the latest one's beginning
  let joined; // the one whose blocks we take
  let silence;

  const say = (message) => channel?.postMessage({ by: leader, ...message });

  const listen = (ms, otherwise) => {
    clearTimeout(silence);
    silence = setTimeout(otherwise, ms);
  };

  const endTurn = () => {
    turn.isOver = true;
    turn.link?.abort();
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
    if (isLost) feed.heal(feed.take);
    for (const block of blocks) if (isOurs || block.type === 'state') feed.take(block);
    if (isFinal(feed.state.state)) finish(feed.state.state);
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
    for (let steal = false; !feed.isOver; steal = turn.steal) {
      turn = { queue: new AbortController() };
      try {
        channel ??= Object.assign(new BroadcastChannel(name), { onmessage: hear });
        hello();
        await locks.request(name, steal ? { steal } : { signal: turn.queue.signal }, run);
      } catch (error) {
        if (error.name !== 'AbortError') return leave(), run();
      }
      endTurn();
    }
  };

  return { begin, say, greet, end: () => leave(endTurn()) };
}

export function watch(video, options = {}) {
  const { origin } = new URL(import.meta.url);
  const { stream = origin, api = origin, share = true, recent = 20, after = '', rate, user, tickets } = options;
  const path = `/v1/videos/${encodeURIComponent(video)}/`;
  const config = { ...options, stream, api, path, recent, timing: { ...TIMING, ...options.timing } };
  const target = new EventTarget();
  const emit = (name, data) => target.dispatchEvent(Object.assign(new Event(name), { data }));
  const { bearer, renewed, call, history } = makeApi(config);
  const feed = makeFeed(emit, history);
  feed.position = after;
  const pass = (block) => {
    feed.take(block);
    tabs.say({ blocks: [block] });
    tabs.greet();
  };
  const finish = (state) => {
    const block = stateBlock(state);
    if (isFinal(state)) tabs.say({ blocks: [block] });
    if (feed.state.state !== state) feed.take(block);
    feed.isOver = true;
    tabs.end();
  };
  const tabs = makeTabs(config, feed, makeReader(config, feed, { bearer, renewed, call }, pass), finish);
  bearer().catch(() => {}).then((token) => {
    const who = claimsOf(token).sub ?? token ?? !!tickets;
    if (!feed.isOver) tabs.begin(share && `chorus 1 ${JSON.stringify([stream, video, rate, who])}`);
  });

  const me = async () => {
    const { sub: id = user, name = id, role, avatar } = claimsOf(await bearer());
    return id ? { id, name, role, avatar } : null;
  };
  const ban = (id) => `bans/${encodeURIComponent(id)}`;
  return {
    video,
    /** @returns {import('./chorus.d.ts').State} */
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

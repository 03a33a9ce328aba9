// Nothing missed, nothing doubled, whatever happens to connections and servers.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Proxy } from './support/proxy.js';
import { Server, post } from './support/server.js';
import { Viewer, assertExact, faults, until } from './support/viewer.js';

/** The SDK with a change, which must be noticed. */
async function mutant(t, was, is) {
  const source = readFileSync(new URL('../../gateway/web/chorus.js', import.meta.url), 'utf8');
  assert.equal(source.split(was).length, 2, `${was} is there, once`);
  const folder = mkdtempSync(join(tmpdir(), 'chorus-sdk-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'mutant.mjs'), source.replace(was, is));
  return (await import(join(folder, 'mutant.mjs'))).watch;
}

const QUICK = { timing: { backoff: 50 } };
const NO_LIMIT = ['--limits.comments_per_user_per_minute', '0'];

/** A server behind a proxy, and a viewer who has seen two of three comments. */
async function scene(t, options = {}, ...flags) {
  const server = await Server.start(t, ...NO_LIMIT, ...flags);
  const proxy = await Proxy.start(t, () => server.url);
  const posted = [];
  const say = async (text = `comment ${posted.length}`) => {
    const { id } = await post(server.url, 'room', text);
    posted.push(id);
    return id;
  };
  await say();
  const viewer = Viewer.watch(t, proxy.url, 'room', { ...QUICK, ...options });
  await viewer.became('live');
  assert.deepEqual(viewer.room.state, { state: 'live', missed: 0 }, 'the recent ones were not missed');
  await viewer.sees(await say());
  return { server, proxy, posted, say, viewer };
}

test('a cut connection is continued where it was', async (t) => {
  const { proxy, posted, say, viewer } = await scene(t);
  for (let round = 0; round < 5; round++) {
    proxy.cut();
    await say();
    await say();
    await viewer.sees(await say());
  }
  assertExact(viewer.ids, posted);
  const back = viewer.of('state').filter(({ missed }) => missed > 0);
  assert.ok(back.length > 0, 'told what it missed');
  assert.deepEqual(viewer.of('reset'), []);
  assert.ok(proxy.streams.slice(1).every(({ url }) => url.includes('after=')));
});

test('a page that was made from history goes on from its cursor', async (t) => {
  const { proxy, posted, say, viewer } = await scene(t);
  const { comments, cursor } = await viewer.room.history({ limit: 200 });
  assert.deepEqual(comments.map(({ id }) => id).reverse(), posted);
  await say();
  await say();
  for (const share of [false, true]) {
    const other = Viewer.watch(t, proxy.url, 'room', { ...QUICK, after: cursor, share });
    await other.sees(await say());
    const ids = other.ids.filter((id) => !comments.some((comment) => comment.id === id));
    assertExact(ids, posted.slice(comments.length));
    assert.deepEqual(other.of('reset'), []);
  }
});

test('a killed server that comes back is continued, by history where its live log is lost', async (t) => {
  const { server, proxy, posted, say, viewer } = await scene(t);
  await server.kill();
  await viewer.became('reconnecting');
  // What was posted while this viewer was away: through another way in.
  proxy.mode = 503;
  await server.up();
  await say();
  await say();
  proxy.mode = 'pass';
  await viewer.sees(await say());
  await viewer.became('live');
  await viewer.sees(await say());
  assertExact(viewer.ids, posted);
  // In `all` the live log is in memory, so this is a reset, healed by history.
  assert.deepEqual(viewer.of('reset'), [{ recovered: 3, complete: true }]);
  assert.ok(viewer.states.includes('catching-up'));
  assert.ok(viewer.of('state').some(({ state, missed }) => state === 'live' && missed === 3), 'three comments missed');
});

test('ten kills, comments posted all the time', async (t) => {
  const { server, posted, viewer } = await scene(t);
  let isOver = false;
  const posting = (async () => {
    for (let i = 0; !isOver; i++) {
      // Under one key until it is acknowledged, as the SDK does.
      const key = `k${i}`;
      const { id } = await until(() => fetch(`${server.url}/v1/videos/room/comments`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-Chorus-User': 'someone', 'Idempotency-Key': key },
        body: JSON.stringify({ text: `comment ${i}` }),
      }).then((response) => response.status < 300 && response.json(), () => false));
      posted.push(id);
      await new Promise((done) => setTimeout(done, 10));
    }
  })();
  for (let round = 0; round < 10; round++) {
    await server.kill();
    await server.up();
    const mark = posted.length;
    await until(() => viewer.ids.includes(posted[mark + 5]), `comments after kill ${round}`);
  }
  isOver = true;
  await posting;
  await viewer.sees(posted.at(-1));
  assertExact(viewer.ids, posted);
  t.diagnostic(`${posted.length} comments, ${viewer.of('reset').length} resets, none missed or doubled`);
});

test('a rolling stop is survived', async (t) => {
  const { server, posted, say, viewer } = await scene(t, {}, '--gateway.drain_window_s', '2');
  await server.stop();
  await server.up();
  await viewer.sees(await say());
  assertExact(viewer.ids, posted);
});

test('errors that end an EventSource for good are waited out, with growing pauses', async (t) => {
  const { proxy, posted, say, viewer } = await scene(t);
  for (const mode of [502, 503, 429, 404, 'refuse']) {
    proxy.mode = mode;
    const before = proxy.streams.length;
    proxy.cut();
    await say();
    await until(() => proxy.streams.length >= before + 3, `${mode} is tried again`);
    assert.equal(viewer.room.state.state, 'reconnecting');
    assert.ok(viewer.room.state.retry_at > 0);
    proxy.mode = 'pass';
    await viewer.sees(posted.at(-1));
  }
  assertExact(viewer.ids, posted);
});

test('pauses double up to thirty times the first, each by chance', async (t) => {
  const proxy = await Proxy.start(t, () => '');
  proxy.mode = 503;
  const pauses = [[], []];
  for (const those of pauses) {
    const { room } = Viewer.watch(t, proxy.url, 'room', { timing: { backoff: 20 } });
    room.on('state', ({ retry_at }) => those.push(retry_at - Date.now()));
  }
  await until(() => pauses.every((those) => those.length >= 9), 'nine attempts');
  for (const those of pauses) {
    those.slice(0, 9).forEach((pause, i) => assert.ok(pause <= 20 * Math.min(30, 2 ** i), `${i}: ${pause}`));
    // (At least half of the most, less what the machine held us up for between the two looks at the clock.)
    assert.ok(Math.max(...those) > 200, `grow: ${those}`);
  }
  assert.notDeepEqual(...pauses);
});

test('after a reset, what was deleted meanwhile is taken away, and never comes back', async (t) => {
  const { server, proxy, posted, say, viewer } = await scene(t);
  const doomed = await say('to be deleted');
  await viewer.sees(doomed);
  const also = await say();
  await viewer.sees(also);
  proxy.mode = 503;
  proxy.cut();
  await server.kill();
  await server.up();
  const gone = await fetch(`${server.url}/v1/videos/room/comments/${doomed}`, { method: 'DELETE', headers: { 'X-Chorus-User': 'someone' } });
  assert.equal(gone.status, 204);
  const unseen = await say('posted and deleted while away');
  await fetch(`${server.url}/v1/videos/room/comments/${unseen}`, { method: 'DELETE', headers: { 'X-Chorus-User': 'someone' } });
  proxy.mode = 'pass';
  await viewer.sees(await say());
  // (The second one's deletion stands in the new live log.)
  assert.deepEqual(viewer.of('delete').map(({ id }) => id), [doomed, unseen]);
  assertExact(viewer.ids, posted.filter((id) => id !== unseen));
});

test('a reset whose history can not be read is told as incomplete', async (t) => {
  const { server, proxy, say, viewer } = await scene(t);
  await server.kill();
  await server.up();
  await say();
  Object.assign(proxy, { mode: 500, only: '/comments?' });
  await until(() => viewer.of('reset').length, 'reset');
  assert.deepEqual(viewer.of('reset'), [{ recovered: 0, complete: false }]);
});

test('a gap of more comments than one page of history', async (t) => {
  const { server, proxy, posted, say, viewer } = await scene(t);
  proxy.mode = 503;
  proxy.cut();
  await server.kill();
  await server.up();
  for (let i = 0; i < 450; i++) await say();
  proxy.mode = 'pass';
  await viewer.sees(await say());
  assertExact(viewer.ids, posted);
});

test('a dead connection is noticed by its silence', async (t) => {
  const { proxy, posted, say, viewer } = await scene(t, { timing: { backoff: 50, silence: 300 } });
  // Heartbeats come every 15 s, so this quiet stream counts as dead again and again.
  await until(() => proxy.streams.length > 2, 'a new connection');
  await viewer.sees(await say());
  assertExact(viewer.ids, posted);
});

test('negative control: a lost, a doubled and a reordered comment are noticed', async (t) => {
  const server = await Server.start(t, ...NO_LIMIT);
  const proxy = await Proxy.start(t, () => server.url);
  let count = 0;
  const first = (act) => (block) => block.includes('event: comment') && ++count === 2 ? act(block) : block;
  const shown = async (edit) => {
    const posted = [];
    const room = `room-${Math.random().toString(36).slice(2)}`;
    Object.assign(proxy, { edit });
    count = 0;
    const viewer = Viewer.watch(t, proxy.url, room, QUICK);
    await viewer.became('live');
    for (let i = 0; i < 5; i++) posted.push((await post(server.url, room, `comment ${i}`)).id);
    await viewer.sees(posted.at(-1));
    return faults(viewer.ids, posted);
  };
  assert.deepEqual(await shown(first(() => null)), ['missing: 1']);
  // The SDK itself shows a doubled one once …
  assert.deepEqual(await shown(first((block) => `${block}\n\n${block}`)), []);
  // … so doubling and disorder are the checker's own.
  assert.deepEqual(faults(['a', 'b', 'b', 'c'], ['a', 'b', 'c']), ['doubled: 1']);
  assert.deepEqual(faults(['a', 'c', 'b'], ['a', 'b', 'c']), ['1 after 2']);
  let held;
  assert.notDeepEqual(await shown((block) => {
    if (!block.includes('event: comment')) return block;
    if (++count === 2) return held = block, null;
    return count === 3 ? `${block}\n\n${held}` : block;
  }), []);
});

test('negative control: an SDK that forgets what it has shown, or does not read history, is noticed', async (t) => {
  for (const [was, is, fault] of [
    ['!shown.has(comment.id) && ', '', /^doubled/],
    ['await feed.heal(pass);', ';', /^missing/],
    ["{ after: feed.position }", '{ recent: 0 }', /^missing/],
  ]) {
    const { server, proxy, posted, say } = await scene(t);
    const wrong = Viewer.watch(t, proxy.url, 'room', QUICK, await mutant(t, was, is));
    await wrong.became('live');
    await wrong.sees(await say());
    proxy.mode = 503;
    proxy.cut();
    await server.kill();
    await server.up();
    // More than a reset's recent ones.
    for (let i = 0; i < 30; i++) await say();
    proxy.mode = 'pass';
    await wrong.became('reconnecting');
    await wrong.became('live');
    await wrong.sees(await say());
    const found = faults(wrong.ids, posted);
    assert.ok(found.some((line) => fault.test(line)), `${was}: ${found}`);
  }
});

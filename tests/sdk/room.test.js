// What a page does in a room: posts, reads history, moderates, and is told what was refused.
import assert from 'node:assert/strict';
import test from 'node:test';
import { ChorusError } from '../../gateway/web/chorus.js';
import { Proxy } from './support/proxy.js';
import { Server, post, token } from './support/server.js';
import { Stub, comment } from './support/stub.js';
import { Viewer, assertExact, until } from './support/viewer.js';

const SECRET = 'a secret of thirty-two bytes or more';

async function scene(t, options = {}, ...flags) {
  const server = await Server.start(t, ...flags);
  const proxy = await Proxy.start(t, () => server.url);
  const viewer = Viewer.watch(t, proxy.url, 'room', { user: 'ann', timing: { backoff: 50 }, ...options });
  await viewer.became('live');
  return { server, proxy, viewer, room: viewer.room };
}

test('a post is shown at once, settled when acknowledged, and shown once', async (t) => {
  const { server, viewer, room } = await scene(t);
  const other = Viewer.watch(t, server.url, 'room');
  const posting = room.post('  e\u0301t\u00e9 👩‍👩‍👧\n<b>second line</b> ');
  await until(() => viewer.of('comment').length, 'the echo');
  const [echo] = viewer.of('comment');
  const made = await posting;
  assert.deepEqual([echo.pending, echo.text, echo.author], [true, 'ét\u00e9 👩‍👩‍👧\n<b>second line</b>', { id: 'ann', name: 'ann', role: undefined, avatar: undefined }]);
  assert.equal(made.text, echo.text, 'as the server makes it');
  await other.sees(made.id);
  const reply = await room.post('yes', { replyTo: made.id });
  assert.equal(reply.reply_to, made.id);
  await other.sees(reply.id);
  await viewer.sees(reply.id);
  for (const { ids } of [viewer, other]) assertExact(ids, [made.id, reply.id]);
  assert.deepEqual(viewer.of('comment').filter(({ pending }) => !pending).map(({ replaces }) => replaces),
    viewer.of('comment').filter(({ pending }) => pending).map(({ id }) => id));
  assert.deepEqual(viewer.of('delete'), []);
});

for (const first of ['stream', 'answer']) {
  test(`settled by whichever comes first: the ${first}`, async (t) => {
    const stub = await Stub.start(t);
    const viewer = Viewer.watch(t, stub.url, 'room', { user: 'ann' });
    const stream = await until(() => stub.streams[0], 'a stream');
    const theirs = comment(1, 'hello', 'ann');
    // Somebody else's words are not ours.
    stream.event('comment', comment(2, 'hello', 'bob'), '1');
    if (first === 'answer') stub.answers['POST comments'] = [201, theirs];
    else {
      stub.answers['POST comments'] = () => {
        stream.event('comment', theirs, '2');
        return [201, theirs];
      };
    }
    await viewer.sees(comment(2).id);
    await viewer.room.post('hello');
    if (first === 'answer') stream.event('comment', theirs, '2');
    stream.event('viewers', { count: 1 });
    await until(() => viewer.of('viewers').length, 'the end');
    const [bobs, pending, settled, ...more] = viewer.of('comment');
    assert.deepEqual([bobs.author.id, pending.pending, settled.replaces, more], ['bob', true, pending.id, []]);
    assert.deepEqual(viewer.of('delete'), []);
  });
}

test('settled also when the stream\'s copy looked like somebody else\'s', async (t) => {
  const stub = await Stub.start(t);
  const viewer = Viewer.watch(t, stub.url, 'room');
  const stream = await until(() => stub.streams[0], 'a stream');
  const theirs = comment(1, 'what the server made of it', 'guest-1');
  stub.answers['POST comments'] = () => {
    stream.event('comment', theirs, '1');
    return [201, theirs];
  };
  await viewer.room.post('what I wrote');
  await viewer.sees(theirs.id);
  const [pending, shown, ...more] = viewer.of('comment');
  assert.equal(more.length, 0);
  assert.ok(shown.replaces === pending.id || viewer.of('delete')[0].id === pending.id, 'the pending one is gone');
});

test('an answer that is lost, a 503 and a 502: one comment', async (t) => {
  const { server, proxy, viewer, room } = await scene(t);
  for (const mode of ['refuse', 503, 502, 504]) {
    Object.assign(proxy, { mode, only: '/comments' });
    const before = proxy.requests.length;
    const posting = room.post(`through ${mode}`);
    await until(() => proxy.requests.length >= before + 2, 'tried again');
    proxy.mode = 'pass';
    await viewer.sees((await posting).id);
    const keys = proxy.requests.slice(before).map(({ headers }) => headers['idempotency-key']);
    assert.equal(new Set(keys).size, 1);
  }
  // The server has it, and the client never heard.
  proxy.mode = 'lose-answer';
  const before = proxy.requests.length;
  const posting = room.post('heard by the server alone');
  await until(() => proxy.requests.length >= before + 2, 'tried again');
  proxy.mode = 'pass';
  await viewer.sees((await posting).id);
  const { comments } = await (await fetch(`${server.url}/v1/videos/room/comments`)).json();
  assert.equal(comments.length, 5);
  assertExact(viewer.ids, comments.map(({ id }) => id).reverse());
});

test('given up after five attempts; the page may go on under the same key', async (t) => {
  const { proxy, viewer, room } = await scene(t, { timing: { backoff: 5 } });
  Object.assign(proxy, { mode: 503, only: '/comments' });
  const before = proxy.requests.length;
  await assert.rejects(room.post('hello', { key: 'mine' }), { status: 503 });
  assert.equal(proxy.requests.length - before, 5);
  const [pending] = viewer.of('comment');
  assert.deepEqual(viewer.of('delete'), [{ id: pending.id }]);
  proxy.mode = 'refuse';
  await assert.rejects(room.post('hello', { key: 'mine' }), { status: 0, title: 'Not reached' });
  proxy.mode = 'pass';
  const [one, two] = [await room.post('hello', { key: 'mine' }), await room.post('hello', { key: 'mine' })];
  assert.equal(one.id, two.id);
  await viewer.sees(one.id);
  assert.deepEqual(viewer.ids, [one.id]);
});

test('refusals in the API\'s own words, and nothing of them stays', async (t) => {
  const { viewer, room } = await scene(t, {}, '--limits.comments_per_user_per_minute', '3');
  const refused = async (posting) => {
    const error = await posting.then(() => assert.fail('not refused'), (error) => error);
    assert.ok(error instanceof ChorusError);
    return error;
  };
  const long = await refused(room.post('x'.repeat(501)));
  assert.deepEqual([long.status, long.errors[0].field, long.retryAfterS], [422, 'text', null]);
  assert.match(long.requestId, /./);
  assert.equal(long.message, long.detail);
  assert.equal((await refused(room.post('   '))).status, 422);
  for (let i = 0; i < 3; i++) await room.post(`comment ${i}`);
  const fast = await refused(room.post('too fast'));
  assert.equal(fast.status, 429);
  assert.ok(fast.retryAfterS > 0 && fast.retryAfterS <= 60);
  assert.equal((await refused(room.delete(comment(1).id))).status, 404);
  assert.equal(viewer.of('delete').length, 3, 'each refused one is taken away');
  assert.equal(viewer.ids.length, 3);
});

test('history both ways, one, delete, report', async (t) => {
  const { server, viewer, room } = await scene(t);
  const posted = [];
  for (let i = 0; i < 5; i++) posted.push((await room.post(`comment ${i}`)).id);
  const ids = ({ comments }) => comments.map(({ id }) => id);
  assert.deepEqual(ids(await room.history()), posted.toReversed());
  const page = await room.history({ limit: 2, before: posted[3] });
  assert.deepEqual(ids(page), [posted[2], posted[1]]);
  assert.equal(page.next, posted[1]);
  assert.deepEqual(ids(await room.history({ after: posted[2], limit: 10 })), [posted[3], posted[4]]);
  assert.equal((await room.one(posted[0])).text, 'comment 0');
  assert.equal(await room.one(comment(1).id), null);
  await room.report(posted[1], 'rude');
  const other = Viewer.watch(t, server.url, 'room');
  await other.sees(posted[4]);
  await room.delete(posted[0]);
  assert.deepEqual(viewer.of('delete'), [{ id: posted[0] }]);
  await until(() => other.of('delete').length, 'others are told');
  assert.equal(await room.one(posted[0]), null);
  assert.deepEqual(ids(await room.history()), posted.slice(1).toReversed());
  await post(server.url, 'room', 'later');
  await until(() => viewer.ids.length === 6, 'the next');
  assert.equal(viewer.of('delete').length, 1, 'and the stream\'s own is not a second one');
});

test('moderation: settings, pin, ban with hiding', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const sign = (sub, role) => token(SECRET, '--sub', sub, '--role', role);
  const moderator = Viewer.watch(t, server.url, 'room', { token: sign('mo', 'moderator') });
  const viewer = Viewer.watch(t, server.url, 'room');
  const troll = Viewer.watch(t, server.url, 'room', { token: sign('t/ö', 'commenter') });
  const { room } = moderator;
  await Promise.all([moderator, viewer, troll].map((one) => one.became('live')));
  const bad = await troll.room.post('bad words');
  await viewer.sees(bad.id);
  assert.equal((await room.settings({ slow_mode_s: 3, blocked_words: ['fie'] })).slow_mode_s, 3);
  const both = await room.settings({ unique_s: 9 });
  assert.deepEqual([both.slow_mode_s, both.unique_s, both.blocked_words], [3, 9, ['fie']], 'the others stay');
  await room.pin(bad.id);
  await room.unpin();
  await room.ban('t/ö', { hide_comments: true });
  await until(() => viewer.of('hide').length, 'hide');
  assert.deepEqual(viewer.of('hide'), [{ author: 't/ö' }]);
  assert.deepEqual(viewer.of('pin'), [{ comment: bad.id }, { comment: null }]);
  assert.deepEqual(viewer.of('settings').map(({ unique_s }) => unique_s), [0, 9]);
  await troll.became('banned');
  await assert.rejects(troll.room.post('hello?'), { status: 403 });
  assert.deepEqual((await viewer.room.history()).comments, []);
  await room.unban('t/ö');
  await assert.rejects(viewer.room.settings({ slow_mode_s: 0 }), ({ status }) => status === 401 || status === 403);
});

test('development mode\'s names may be of any script', async (t) => {
  const { viewer, room } = await scene(t, { user: 'Ольга 李' });
  const made = await room.post('привет');
  assert.equal(made.author.id, 'Ольга 李');
  await viewer.sees(made.id);
  assert.equal(viewer.of('comment').length, 2, 'pending, settled');
});

test('a closed room is silent, and posts all the same', async (t) => {
  const { server, viewer, room } = await scene(t);
  room.close();
  assert.equal(room.state.state, 'closed');
  const before = viewer.events.length;
  await post(server.url, 'room', 'unheard');
  await new Promise((done) => setTimeout(done, 200));
  assert.equal(viewer.events.length, before);
  assert.ok((await room.post('goodbye')).id);
});

// Who watches and writes, by token and by ticket, on a server that asks for them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Proxy } from './support/proxy.js';
import { Server, token } from './support/server.js';
import { Viewer, assertExact, until } from './support/viewer.js';

const SECRET = 'a secret of thirty-two bytes or more';
const sign = (sub, ttl = '1h', ...more) => token(SECRET, '--sub', sub, '--ttl', ttl, ...more);

async function scene(t, options) {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET, '--auth.viewers', 'required');
  const proxy = await Proxy.start(t, () => server.url);
  const viewer = Viewer.watch(t, proxy.url, 'room', { timing: { backoff: 50 }, ...options });
  return { server, proxy, viewer };
}

test('a token opens the stream, posts, and says who I am', async (t) => {
  const { proxy, viewer } = await scene(t, { token: sign('ann', '1h', '--name', 'Ann Ålund', '--role', 'moderator') });
  await viewer.became('live');
  assert.deepEqual({ ...await viewer.room.me() }, { id: 'ann', name: 'Ann Ålund', role: 'moderator', avatar: undefined });
  const { id } = await viewer.room.post('hello');
  await viewer.sees(id);
  assert.ok(proxy.requests.every(({ url }) => !url.includes('ey')), 'no token in a URL');
});

test('without one, and with a bad one, it is over', async (t) => {
  const { server, viewer } = await scene(t, {});
  await viewer.became('expired');
  for (const bad of ['not.a.token', sign('ann').slice(0, -3)]) {
    const other = Viewer.watch(t, server.url, 'room', { token: bad });
    await other.became('expired');
    await assert.rejects(other.room.post('hello'), { name: 'ChorusError', status: 401 });
    // What was shown as pending is taken away.
    assert.deepEqual(other.of('delete').map(({ id }) => id), other.of('comment').map(({ id }) => id));
  }
});

test('a function is asked for another token when one has expired, and nothing is missed', async (t) => {
  let asked = 0;
  const { server, viewer } = await scene(t, { token: async () => (asked++, sign('ann', '3s')) });
  const posted = [];
  const writer = Viewer.watch(t, server.url, 'room', { token: sign('bob') });
  await viewer.became('live');
  for (let i = 0; asked < 3; i++) {
    posted.push((await writer.room.post(`comment ${i}`)).id);
    await new Promise((done) => setTimeout(done, 300));
  }
  posted.push((await writer.room.post('the last')).id);
  await viewer.sees(posted.at(-1));
  assertExact(viewer.ids, posted);
  assert.ok(viewer.of('end').every(({ reason }) => reason === 'expired'));
  assert.ok(viewer.of('end').length >= 2);
  assert.ok(!viewer.states.includes('expired'));
});

test('a string that has expired, or a function that has nothing newer: it is over', async (t) => {
  const short = sign('ann', '2s');
  const { server, viewer } = await scene(t, { token: short });
  const other = Viewer.watch(t, server.url, 'room', { token: () => short });
  await viewer.became('expired');
  await other.became('expired');
});

test('a token that can not be had now is asked for again', async (t) => {
  let asked = 0;
  const { viewer } = await scene(t, { token: () => { if (asked++ < 3) throw new Error('no login yet'); return sign('ann'); } });
  await viewer.became('live');
});

test('a post that is refused for its token goes out under the next one, once', async (t) => {
  const tokens = [sign('ann', '1s'), sign('ann')];
  const { viewer } = await scene(t, { token: () => tokens.shift() });
  await until(() => viewer.of('end').length || tokens.length === 0, 'the first has expired');
  const { id } = await viewer.room.post('hello');
  await viewer.sees(id);
  const { comments } = await viewer.room.history();
  assert.deepEqual(comments.map((comment) => comment.id), [id]);
});

test('after another failure a refused token is still exchanged for the next one', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const proxy = await Proxy.start(t, () => server.url);
  const tokens = [token('a secret that is no longer in use', '--sub', 'ann'), sign('ann')];
  const nowhere = 'http://127.0.0.1:9';
  const { room } = Viewer.watch(t, proxy.url, 'room', { stream: nowhere, token: () => tokens.shift(), timing: { backoff: 50 } });
  proxy.mode = 503;
  const posting = room.post('hello');
  await until(() => proxy.requests.length > 0, 'a first try');
  proxy.mode = 'pass';
  assert.equal((await posting).text, 'hello');
  assert.equal(tokens.length, 0);
});

test('who was banned is told so, coming back to another page', async (t) => {
  const { server, viewer } = await scene(t, { token: sign('ann') });
  await viewer.became('live');
  const moderator = Viewer.watch(t, server.url, 'room', { token: sign('mo', '1h', '--role', 'moderator') });
  await moderator.room.ban('ann');
  await viewer.became('banned');
  await Viewer.watch(t, server.url, 'room', { token: sign('ann') }).became('banned');
});

for (const [how, tickets] of [
  ['asked of the API', () => true],
  ['from a server of one\'s own', (server) => async () => {
    const response = await fetch(`${server().url}/v1/videos/room/tickets`, { method: 'POST', headers: { Authorization: `Bearer ${sign('ann')}` } });
    return (await response.json()).ticket;
  }],
]) {
  test(`tickets ${how}: a new one for each stream, for want of a cookie`, async (t) => {
    let server;
    const options = { tickets: tickets(() => server) };
    if (options.tickets === true) options.token = sign('ann');
    server = await Server.start(t, '--auth.hs256_secret', SECRET, '--auth.viewers', 'required');
    const proxy = await Proxy.start(t, () => server.url);
    const viewer = Viewer.watch(t, proxy.url, 'room', { timing: { backoff: 50 }, ...options });
    await viewer.became('live');
    const writer = Viewer.watch(t, server.url, 'room', { token: sign('bob') });
    const posted = [];
    for (let i = 0; i < 3; i++) {
      posted.push((await writer.room.post(`comment ${i}`)).id);
      await viewer.sees(posted.at(-1));
      proxy.cut();
      await viewer.became('reconnecting');
      posted.push((await writer.room.post(`comment ${i} again`)).id);
      await viewer.sees(posted.at(-1));
    }
    assertExact(viewer.ids, posted);
    const shown = proxy.streams.map(({ url }) => new URL(url, proxy.url).searchParams.get('ticket')).filter(Boolean);
    assert.equal(new Set(shown).size, shown.length, 'none is used twice');
    assert.equal(shown.length, 4);
    assert.ok(proxy.streams.every(({ headers }) => !headers.authorization));
  });
}

test('with the cookie that a ticket brought, no other ticket is needed', async (t) => {
  const { proxy, viewer } = await scene(t, { token: sign('ann'), tickets: true });
  // Node keeps no cookies.
  proxy.keepsCookies = true;
  await viewer.became('live');
  proxy.cut();
  await viewer.became('reconnecting');
  await viewer.became('live');
  assert.equal(proxy.streams.length, 2);
  assert.equal(proxy.requests.filter(({ url }) => url.endsWith('/tickets')).length, 1);
});

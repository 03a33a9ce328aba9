// One stream per browser: ten tabs share it, and none misses or doubles anything when its leader goes.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Browser } from './support/browser.js';
import { Proxy } from './support/proxy.js';
import { Server, post, token } from './support/server.js';
import { Stub, comment } from './support/stub.js';
import { assertExact, until } from './support/viewer.js';

async function scene(t, count, options = {}, ...flags) {
  const server = await Server.start(t, '--limits.comments_per_user_per_minute', '0', ...flags);
  const proxy = await Proxy.start(t, () => server.url);
  const browser = new Browser(t, proxy.url, 'room');
  const posted = [];
  const say = async () => {
    const { id } = await post(server.url, 'room', `comment ${posted.length}`);
    posted.push(id);
    return id;
  };
  const tabs = Array.from({ length: count }, () => browser.tab(options));
  await Promise.all(tabs.map((tab) => tab.became('live')));
  const all = (id) => Promise.all(browser.tabs.filter((tab) => !tab.isGone).map((tab) => tab.sees(id)));
  return { server, proxy, browser, posted, say, tabs, all };
}

test('ten tabs, one stream, all served', async (t) => {
  const { proxy, posted, say, tabs, all } = await scene(t, 10);
  for (let i = 0; i < 20; i++) await say();
  await all(posted.at(-1));
  for (const { ids } of tabs) assertExact(ids, posted);
  assert.equal(proxy.streams.length, 1);
});

test('who joins later gets the recent state, without a stream', async (t) => {
  const { server, proxy, browser, posted, say, tabs } = await scene(t, 1);
  for (let i = 0; i < 30; i++) await say();
  await tabs[0].sees(posted.at(-1));
  await fetch(`${server.url}/v1/videos/room/comments/${posted[28]}`, { method: 'DELETE', headers: { 'X-Chorus-User': 'someone' } });
  await until(() => tabs[0].of('delete').length, 'delete');
  const late = browser.tab({ recent: 10 });
  await late.became('live');
  assert.ok(!late.ids.includes(posted[28]), 'what was deleted is not passed on');
  await late.sees(await say());
  const first = posted.indexOf(late.ids[0]);
  assert.ok(first >= 11, 'recent ones only');
  assertExact(late.ids, posted.slice(first).filter((id) => id !== posted[28]));
  assert.equal(proxy.streams.length, 1);
  assert.deepEqual(late.room.state, { state: 'live', missed: 0 });
});

test('snapshots and open polls reach who joins later', async (t) => {
  const stub = await Stub.start(t);
  const browser = new Browser(t, stub.url, 'room');
  const first = browser.tab();
  await first.became('live');
  const [stream] = stub.streams;
  for (let n = 1; n < 4; n++) stream.event('viewers', { count: n });
  stream.event('poll', { id: 'a', totals: [1, 0] });
  stream.event('poll', { id: 'b', totals: [0, 0] });
  stream.event('poll', { id: 'a', totals: [1, 1] });
  stream.event('pin', { comment: null }, '1');
  stream.event('comment', comment(1), '2');
  await first.sees(comment(1).id);
  const late = browser.tab();
  await late.sees(comment(1).id);
  await late.became('live');
  assert.deepEqual(late.of('viewers'), [{ count: 3 }]);
  assert.deepEqual(late.of('poll').map(({ totals }) => totals), [[1, 1], [0, 0]]);
  assert.deepEqual(late.of('pin'), [{ comment: null }]);
  stream.event('odds', { home: 2 }, '3');
  await until(() => late.of('event').length, 'the producer\'s');
});

for (const how of ['crash', 'close']) {
  test(`leaders that ${how}, one after another, amid comments: nothing missed, nothing doubled`, async (t) => {
    const { proxy, browser, posted, say, tabs, all } = await scene(t, 6);
    let isOver = false;
    const saying = (async () => {
      while (!isOver) {
        await say();
        await new Promise((done) => setTimeout(done, 3));
      }
    })();
    for (let round = 0; round < 5; round++) {
      const [leader] = browser.leaders;
      leader.isGone = true;
      if (how === 'crash') await leader.crash();
      else await leader.call('close');
      await until(() => browser.leaders.length && browser.leaders[0] !== leader, 'another leads');
      const mark = posted.length;
      await until(() => posted.length > mark + 10, 'more comments');
      await all(posted[mark + 5]);
    }
    isOver = true;
    await saying;
    await all(posted.at(-1));
    for (const tab of tabs.filter(({ isGone }) => !isGone)) {
      assertExact(tab.ids, posted);
      assert.deepEqual(tab.of('reset'), []);
    }
    assert.equal(proxy.streams.length, 6);
    t.diagnostic(`${posted.length} comments`);
  });
}

test('a producer\'s events are not doubled by a handover', async (t) => {
  const stub = await Stub.start(t);
  let n = 0;
  const log = [];
  stub.open = (stream, after) => {
    stream.resume(after ? 'continued' : 'new', after ?? '0', `${n}`);
    for (const [name, data, id] of log.slice(after ?? 0)) stream.event(name, data, id);
  };
  const say = () => {
    n++;
    log.push(['odds', { n }, `${n}`]);
    stub.streams.forEach((stream) => stream.event(...log.at(-1)));
  };
  const browser = new Browser(t, stub.url, 'room');
  const tabs = [1, 2, 3, 4].map(() => browser.tab());
  await Promise.all(tabs.map((tab) => tab.became('live')));
  const saying = setInterval(say, 1);
  t.after(() => clearInterval(saying));
  for (let round = 0; round < 3; round++) {
    await new Promise((done) => setTimeout(done, 200));
    const [leader] = browser.leaders;
    leader.isGone = true;
    await leader.crash();
  }
  const last = tabs.find(({ isGone }) => !isGone);
  const mark = n;
  await until(() => last.of('event').length > mark, 'the rest');
  clearInterval(saying);
  await until(() => last.of('event').length >= n, 'all');
  assert.deepEqual(last.of('event').map(({ data }) => data.n), Array.from({ length: n }, (_, i) => i + 1));
});

test('a frozen leader loses its lead, and is a follower when it wakes', async (t) => {
  const { proxy, browser, posted, say, tabs } = await scene(t, 3, { timing: { silence: 1500, firstByte: 2000 } });
  const [leader] = browser.leaders;
  const others = tabs.filter((tab) => tab !== leader);
  const thaw = leader.freeze();
  await say();
  await until(() => browser.leaders[0] !== leader, 'another leads');
  await until(() => proxy.streams.length >= 2, 'and has a stream');
  for (const tab of others) await tab.sees(await say());
  thaw();
  await leader.sees(posted.at(-1));
  for (const tab of others) await tab.sees(posted.at(-1));
  await leader.sees(await say());
  for (const tab of tabs) assertExact(tab.ids, posted);
});

test('a leader whose server is killed: all tabs are told, and all continue', async (t) => {
  const { server, proxy, posted, say, tabs, all } = await scene(t, 3);
  await server.kill();
  await Promise.all(tabs.map((tab) => tab.became('reconnecting')));
  await server.up();
  await say();
  await Promise.all(tabs.map((tab) => tab.became('live')));
  await all(await say());
  for (const tab of tabs) {
    assertExact(tab.ids, posted);
    assert.equal(tab.of('reset').length, 1);
  }
  assert.ok(proxy.streams.length >= 2);
});

test('shared only with who watches the same, as the same, at the same rate', async (t) => {
  const secret = 'a secret of thirty-two bytes or more';
  const server = await Server.start(t, '--auth.hs256_secret', secret);
  const sign = (sub, ...more) => token(secret, '--sub', sub, ...more);
  const proxy = await Proxy.start(t, () => server.url);
  const browser = new Browser(t, proxy.url, 'room');
  const other = new Browser(t, proxy.url, 'other');
  const tabs = [
    browser.tab(), browser.tab({ rate: 5 }), browser.tab({ token: sign('ann') }), browser.tab({ token: sign('bob') }),
    browser.tab({ share: false }), browser.tab({}, 'no'), browser.tab({}, 'denied'), other.tab(),
    // Ann again, by a newer token.
    browser.tab({ token: sign('ann', '--name', 'Ann') }),
  ];
  await Promise.all(tabs.map((tab) => tab.became('live')));
  assert.equal(proxy.streams.length, 8);
});

test('tabs that share a stream post as themselves', async (t) => {
  const { proxy, browser, tabs: [first] } = await scene(t, 1, { user: 'ann' });
  const second = browser.tab({ user: 'bob' });
  await second.became('live');
  const { done: hers } = await first.call('post', 'mine');
  const { done: his } = await second.call('post', 'his');
  assert.deepEqual([hers.author.id, his.author.id], ['ann', 'bob']);
  for (const tab of [first, second]) {
    await tab.sees(his.id);
    await tab.sees(hers.id);
    assert.equal(tab.ids.length, 2);
  }
  assert.equal(proxy.streams.length, 1);
});

test('the end is told to all, and each is done', async (t) => {
  const { server, proxy, browser, tabs } = await scene(t, 3);
  await fetch(`${server.url}/v1/videos/room`, { method: 'PUT', headers: { 'Content-Type': 'application/json', 'X-Chorus-User': 'producer' }, body: '{"state":"ended"}' })
    .then((response) => assert.ok(response.ok, `${response.status}`));
  await Promise.all(tabs.map((tab) => tab.became('ended')));
  await until(() => !browser.leaders.length, 'nobody leads');
  assert.equal(proxy.streams.length, 1);
  await browser.tab().became('ended');
});

test('a leader that is alive but has no server keeps its lead', async (t) => {
  const { server, browser, posted, say, tabs, all } = await scene(t, 3, { timing: { firstByte: 3000, silence: 300, backoff: 500 } });
  const [leader] = browser.leaders;
  await server.kill();
  await Promise.all(tabs.map((tab) => tab.became('reconnecting')));
  const late = browser.tab({ timing: { firstByte: 3000, silence: 300, backoff: 500 } });
  // Longer than an unanswered question would be waited for.
  await new Promise((done) => setTimeout(done, 4000));
  assert.equal(late.room.state.state, 'reconnecting', 'who joins meanwhile is told');
  assert.deepEqual(browser.leaders, [leader]);
  await server.up();
  await all(await say());
  for (const tab of tabs) assertExact(tab.ids, posted);
});

test('a frozen leader that others went far beyond reads history when it wakes', async (t) => {
  const { proxy, browser, posted, say, tabs } = await scene(t, 2, { timing: { silence: 1000, firstByte: 2000 } });
  const [leader] = browser.leaders;
  const other = tabs.find((tab) => tab !== leader);
  await leader.sees(await say());
  const thaw = leader.freeze();
  await until(() => browser.leaders[0] === other, 'the other leads');
  // Its own connection would have brought the rest.
  proxy.cut();
  for (let i = 0; i < 600; i++) await say();
  await other.sees(posted.at(-1));
  thaw();
  await until(() => leader.of('reset').length, 'it is told');
  await leader.sees(await say());
  assert.ok(leader.of('reset')[0].complete);
  assertExact(other.ids, posted);
  assertExact(leader.ids.toSorted(), posted);
  assert.deepEqual(other.of('reset'), []);
});

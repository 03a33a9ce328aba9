// Connections that break, servers that die, proxies that answer in their place.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Proxy } from '../sdk/support/proxy.js';
import { Server, post } from '../sdk/support/server.js';
import { GUARD_MS, RIGHT, Visit, browser, judge, until } from './support/browser.js';

const ROWS = 60;

/** Posts so many, and gives their ids. */
async function say(server, count, word) {
  const ids = [];
  for (let nth = 0; nth < count; nth += 1)
    ids.push((await post(server.url, 'demo', `${word} ${nth}`, `${word}-${nth % 7}`)).id);
  return ids;
}

const ids = async (visit) => (await visit.rows()).map(({ id }) => id);

test('kill -9 and a new start: nothing missed, nothing doubled', async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, () => server.url);
  const ana = await (await Visit.to(await browser(t), proxy.url, { user: 'Ana' })).live();
  const posted = await say(server, ROWS / 3, 'before');
  await until('the first', async () => (await ids(ana)).length === posted.length);
  await server.kill();
  proxy.cut();
  await ana.page.getByText('reconnecting…').waitFor();
  await server.up();
  posted.push(...(await say(server, ROWS / 3, 'meanwhile')));
  const up = Date.now();
  await ana.live();
  t.diagnostic(`live again ${Date.now() - up} ms after the server and ${ROWS / 3} posts`);
  posted.push(...(await say(server, ROWS / 3, 'after')));
  await until('the last', async () => (await ids(ana)).includes(posted.at(-1)), 3 * GUARD_MS);
  assert.deepEqual(judge(posted, await ids(ana)), RIGHT);
  assert.deepEqual(ana.wrong, []);
});

for (const status of [502, 503]) {
  test(`a proxy that answers ${status}: the page comes back by itself and says what it loaded`, async (t) => {
    const server = await Server.start(t);
    const proxy = await Proxy.start(t, () => server.url);
    const ana = await (await Visit.to(await browser(t), proxy.url, { user: 'Ana' })).live();
    const posted = await say(server, 3, 'before');
    await ana.comment('before 2').waitFor();
    proxy.mode = status;
    proxy.cut();
    await ana.page.getByText('reconnecting…').waitFor();
    posted.push(...(await say(server, 14, 'meanwhile')));
    await until('several attempts', () => proxy.streams.length >= 3, 3 * GUARD_MS);
    proxy.mode = 'pass';
    await ana.page.getByText('caught up, 14 missed comments loaded').waitFor({ timeout: 6 * GUARD_MS });
    assert.deepEqual(judge(posted, await ids(ana)), RIGHT);
    assert.deepEqual(ana.wrong, []);
  });
}

test('what may be missing after a reset is said for long enough to be read', async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, () => server.url);
  const ana = await (await Visit.to(await browser(t), proxy.url, { user: 'Ana' })).live();
  await say(server, 3, 'before');
  await ana.comment('before 2').waitFor();
  // The live log of `all` dies with it, and history isn't to be had either.
  Object.assign(proxy, { mode: 404, only: '/comments?' });
  await server.kill();
  await server.up();
  const words = ana.page.getByText('caught up; some comments may be missing');
  await words.waitFor({ timeout: 6 * GUARD_MS });
  await ana.page.waitForTimeout(2000);
  assert.ok(await words.isVisible());
  await ana.page.getByText('live', { exact: true }).and(ana.page.locator('#connection-words')).waitFor();
  assert.deepEqual(ana.wrong, []);
});

test('a comment that a proxy takes away is noticed by the check, and so is one doubled', async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, () => server.url);
  proxy.edit = (block) => (block.includes('"word 35"') ? null : block);
  const ana = await (await Visit.to(await browser(t), proxy.url, { user: 'Ana' })).live();
  // (History, which is asked for what came before the first ones, doesn't reach as far.)
  const posted = await say(server, 40, 'word');
  await ana.comment('word 39').waitFor();
  const shown = await ids(ana);
  assert.deepEqual(judge(posted, shown), { ...RIGHT, missing: [posted[35]] });
  assert.deepEqual(judge(posted, [...posted, posted[0]]).doubled, [posted[0]]);
  assert.ok(judge(posted, [...posted].reverse()).isDisordered);
});

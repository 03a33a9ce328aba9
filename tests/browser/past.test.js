// History behind what is held: reached whatever lies between, in few requests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Past } from '../../gateway/web/page/past.js';
import { Timeline } from '../../gateway/web/page/timeline.js';
import { Proxy } from '../sdk/support/proxy.js';
import { Server, post } from '../sdk/support/server.js';
import { Visit, browser, until } from './support/browser.js';

const NO_LIMIT = ['--limits.comments_per_user_per_minute', '0'];
const LONG = 120;

/** What is asked of history from now on. */
function asked(visit) {
  const pages = [];
  visit.page.on('request', (request) => request.url().includes('/comments?') && pages.push(request.url()));
  return pages;
}

test('behind many of somebody muted the first comment is reached, in few requests', async (t) => {
  const server = await Server.start(t, ...NO_LIMIT);
  await post(server.url, 'demo', 'the first', 'Ben');
  for (let nth = 0; nth < LONG; nth += 1) await post(server.url, 'demo', `spam ${nth}`, 'Mallory');
  await post(server.url, 'demo', 'the last', 'Ben');
  const ana = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  await ana.comment('the last').waitFor();
  const pages = asked(ana);
  await ana.choose(`spam ${LONG - 1}`, 'Mute this person for me');
  await ana.page.getByText('where the conversation began').waitFor();
  assert.deepEqual(await ana.texts(), ['the first', 'the last']);
  await ana.page.waitForTimeout(500);
  t.diagnostic(`${LONG} muted ones passed over with ${pages.length} requests`);
  assert.ok(pages.length <= 4, pages.join('\n'));
  // … and again when the page begins with them muted.
  const before = pages.length;
  await ana.page.reload();
  await ana.page.getByText('where the conversation began').waitFor();
  assert.deepEqual(await ana.texts(), ['the first', 'the last']);
  assert.ok(pages.length - before <= 4, pages.join('\n'));
  assert.deepEqual(ana.wrong, []);
});

test('what a stream left behind its first comment is found, though its id is higher', async (t) => {
  const server = await Server.start(t, ...NO_LIMIT);
  const texts = Array.from({ length: 60 }, (_, nth) => `comment ${nth}`);
  for (const text of texts) await post(server.url, 'demo', text, 'Ben');
  const proxy = await Proxy.start(t, () => server.url);
  // The newest fifty come by the stream, from `comment 10` on.
  proxy.edit = (block) => (block.includes('"comment 12"') ? null : block);
  const ana = await (await Visit.to(await browser(t), proxy.url, { user: 'Ana' })).live();
  await ana.comment('comment 59').waitFor();
  const pages = asked(ana);
  await until('the beginning', async () => {
    await ana.page.hover('#scroller');
    await ana.page.mouse.wheel(0, -900);
    return (await ana.texts())[0] === texts[0];
  });
  assert.deepEqual((await ana.texts()).sort(), [...texts].sort());
  assert.ok(pages.length <= 1, pages.join('\n'));
  assert.deepEqual(ana.wrong, []);
});

/** History as the server gives it: where `isHidden`, pages have less in them than they went over. */
function roomOf(comments, isHidden) {
  const room = { requests: 0 };
  room.history = async ({ before, after, limit }) => {
    room.requests += 1;
    const rest = after
      ? comments.filter(({ id }) => id > after)
      : comments.filter(({ id }) => before === undefined || id < before).reverse();
    const page = rest.slice(0, limit);
    return { comments: page.filter((one) => !isHidden(one)), next: rest.length > limit ? page.at(-1).id : null };
  };
  return room;
}

const is = (author) => (comment) => comment.author.id === author;

for (const [what, muted, isHidden] of [
  ['muted here', ['m'], () => false],
  ['hidden by the server', [], is('m')],
]) {
  test(`a desert of four hundred ${what} is crossed both ways`, async (t) => {
    const place = { classList: { toggle() {} }, replaceChildren() {} };
    globalThis.document = { getElementById: () => place };
    t.after(() => delete globalThis.document);
    const comments = Array.from({ length: 600 }, (_, nth) => ({
      id: String(nth).padStart(3, '0'),
      author: { id: nth < 100 || nth >= 500 ? 'a' : 'm' },
    }));
    const room = roomOf(comments, isHidden);
    const timeline = new Timeline(new Set(muted));
    const past = new Past(room, timeline, () => {});
    const shown = comments.filter(is('a')).map(({ id }) => id);
    const held = () => timeline.items.map(({ id }) => id);
    const walk = async (ask, isThere) => {
      for (let asks = 0; !isThere() && asks < 50; asks += 1) {
        ask();
        await new Promise(setImmediate);
      }
    };
    for (const comment of comments.slice(-50)) timeline.add(comment, false);
    await walk(
      () => past.older(),
      () => held()[0] === shown[0],
    );
    assert.deepEqual(held(), shown);
    t.diagnostic(`back with ${room.requests} requests`);
    assert.ok(room.requests <= 10, `${room.requests} requests`);

    room.requests = 0;
    await past.around(comments[0]);
    await walk(
      () => past.newer(),
      () => timeline.beyond === 0,
    );
    assert.deepEqual(held(), shown);
    t.diagnostic(`forth with ${room.requests} requests`);
    assert.ok(room.requests <= 12, `${room.requests} requests`);
  });
}

// What the room shows beside comments: only what the server sends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Proxy } from '../sdk/support/proxy.js';
import { Server, post } from '../sdk/support/server.js';
import { Visit, browser, until } from './support/browser.js';
import { EVENTS, adding, addingAfter } from './support/room.js';

const CARDS = '.card, .reaction, #watching:not([hidden])';

test('a server that sends nothing else: comments alone', async (t) => {
  const server = await Server.start(t);
  const ana = await (await Visit.to(await browser(t), server.url)).live();
  await post(server.url, 'demo', 'hello');
  await ana.comment('hello').waitFor();
  assert.equal(await ana.page.locator(CARDS).count(), 0);
  assert.equal(await ana.page.locator('#reactions').isVisible(), false);
});

test('viewers, reactions, poll, leaderboard, odds and the pinned comment, as they come', async (t) => {
  const server = await Server.start(t);
  const pinned = await post(server.url, 'demo', 'read this first', 'Ben');
  const proxy = await Proxy.start(t, () => server.url);
  adding(proxy, { ...EVENTS, pin: { comment: pinned.id } });
  addingAfter(proxy, 'cheer', 'reactions', { totals: { ...EVENTS.reactions.totals, applause: 313 } });
  const ana = await (await Visit.to(await browser(t), proxy.url, { user: 'Ana' })).live();
  const { page } = ana;
  await page.locator('#watching', { hasText: '12,408 watching' }).waitFor();
  await page.locator('.pinned .text', { hasText: 'read this first' }).waitFor();
  assert.deepEqual(await page.locator('.reaction').allTextContents(), [
    '👍like1.2K',
    '❤️love853',
    '😂laugh97',
    '😮wow41',
    '👏applause310',
  ]);
  assert.deepEqual(await page.locator('.option b').allTextContents(), ['58%', '29%', '12%']);
  assert.deepEqual(await page.locator('.leaders .name').allTextContents(), ['Ana Lima', 'kenji_92', 'Priya']);
  assert.deepEqual(await page.locator('.facts dd').allTextContents(), ['1.85', '3.40', '4.20']);

  // What is new floats up; what was there before didn't.
  assert.equal(await page.locator('.float').count(), 0);
  await post(server.url, 'demo', 'cheer', 'Eve');
  await page.locator('.float').first().waitFor();
  assert.deepEqual(await page.locator('.float').allTextContents(), ['👏', '👏', '👏']);
  await until('they are gone', async () => (await page.locator('.float').count()) === 0);

  // They took room from the comments, which the reader had no part in.
  for (let nth = 0; nth < 30; nth += 1) await post(server.url, 'demo', `comment ${nth}`, `user-${nth}`);
  await until('the newest in view', () =>
    page.evaluate(
      () =>
        document.querySelector('.comment:last-child')?.getBoundingClientRect().bottom <=
        document.querySelector('#scroller').getBoundingClientRect().bottom + 1,
    ),
  );
  assert.equal(await page.locator('#newest').isVisible(), false);

  // A vote that is refused is taken back, and said.
  await page.route('**/vote', (route) =>
    route.fulfill({
      status: 409,
      contentType: 'application/problem+json',
      body: '{"title":"Conflict","status":409,"detail":"the poll is closed"}',
    }),
  );
  await page.getByRole('button', { name: 'Away' }).click();
  await page.locator('.toast', { hasText: 'The poll is closed.' }).waitFor();
  assert.equal(await page.locator('.option.chosen').count(), 0);

  // The pinned comment leads to its place.
  await page.locator('.pinned .text').click();
  await until('it is marked', () => ana.comment('read this first').evaluate((row) => row.classList.contains('found')));
  assert.deepEqual(ana.wrong, []);
});

// What the room shows beside comments.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Proxy } from '../sdk/support/proxy.js';
import { Server, post } from '../sdk/support/server.js';
import { Visit, browser, until } from './support/browser.js';
import { EVENTS, adding, addingAfter, react } from './support/room.js';

/** What is written on the button of a kind. */
const counted = (visit, kind) => visit.page.getByRole('button', { name: kind }).locator('b').textContent();

test('who watches and how they react, by the server', async (t) => {
  const server = await Server.start(t);
  const chromium = await browser(t);
  const ana = await (await Visit.to(chromium, server.url, { user: 'Ana' })).live();
  const ben = await (await Visit.to(chromium, server.url, { user: 'Ben' })).live();
  await ana.page.locator('#watching', { hasText: '2 watching' }).waitFor();
  assert.equal(await ana.page.locator('.card').count(), 0);
  assert.equal(await counted(ana, 'applause'), '');

  // Own presses are seen at once, and counted once.
  for (let nth = 0; nth < 3; nth += 1) await ana.page.getByRole('button', { name: 'applause' }).click();
  assert.equal(await counted(ana, 'applause'), '3');
  await until('the others see it', async () => (await counted(ben, 'applause')) === '3');
  await react(server.url, 'applause', 2);
  await until('and more', async () => (await counted(ana, 'applause')) === '5');
  await ben.context.close();
  await ana.page.locator('#watching', { hasText: '1 watching' }).waitFor();
  assert.deepEqual(ana.wrong, []);
});

test('a press that is refused is taken back, and said', async (t) => {
  const server = await Server.start(t);
  const ana = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  await ana.page.route('**/reactions', (route) =>
    route.fulfill({
      status: 403,
      contentType: 'application/problem+json',
      body: '{"title":"Forbidden","status":403,"detail":"you are banned here"}',
    }),
  );
  await ana.page.getByRole('button', { name: 'love' }).click();
  await ana.page.locator('.toast', { hasText: 'You are banned here.' }).waitFor();
  assert.equal(await counted(ana, 'love'), '');
});

test('of two lots of presses only the refused one is taken back', async (t) => {
  const server = await Server.start(t);
  const ana = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  const answers = [];
  await ana.page.route('**/reactions', (route) => answers.push(route));
  // At once: what is pressed a while later goes with the next lot.
  const press = (times) =>
    ana.page.getByRole('button', { name: 'love' }).evaluate((button, times) => {
      for (let nth = 0; nth < times; nth += 1) button.click();
    }, times);
  await press(3);
  await until('the first lot', () => answers.length === 1);
  await press(2);
  await react(server.url, 'love', 1);
  await until('the second lot', () => answers.length === 2);
  assert.equal(await counted(ana, 'love'), '5');
  await answers[0].fulfill({
    status: 429,
    contentType: 'application/problem+json',
    body: '{"title":"Too Many Requests","status":429,"detail":"less of that"}',
  });
  await ana.page.locator('.toast', { hasText: 'less of that' }).waitFor();
  // Our two that are under way, and somebody else's if that was told by then.
  await until('no more', async () => ['2', '3'].includes(await counted(ana, 'love')));
  await answers[1].continue();
  await react(server.url, 'love', 1);
  await until('all that count', async () => (await counted(ana, 'love')) === '4');
  assert.deepEqual(ana.wrong, []);
});

test('reactions stand in one order, whichever came first', async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, () => server.url);
  Object.assign(proxy, { mode: 404, only: '/stats' });
  adding(proxy, { reactions: { totals: { applause: 1, zeal: 1 } } });
  addingAfter(proxy, 'cheer', 'reactions', { totals: { applause: 1, zeal: 1, bravo: 2, love: 3, like: 4 } });
  const ana = await (await Visit.to(await browser(t), proxy.url, { user: 'Ana' })).live();
  const kinds = () => ana.page.locator('.reaction').evaluateAll((all) => all.map(({ title }) => title).join(' '));
  await until('two', async () => (await kinds()) === 'applause zeal');
  await post(server.url, 'demo', 'cheer', 'Eve');
  await until('five in order', async () => (await kinds()) === 'like love applause bravo zeal');
});

test('a poll’s buttons stay the same ones through its updates', async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, () => server.url);
  const { poll } = EVENTS;
  adding(proxy, { poll });
  addingAfter(proxy, 'vote!', 'poll', { ...poll, totals: [412, 307, 88] });
  addingAfter(proxy, 'over', 'poll', { ...poll, totals: [412, 308, 88], closed: true });
  const ana = await (await Visit.to(await browser(t), proxy.url, { user: 'Ana' })).live();
  const { page } = ana;
  const votes = [];
  await page.route('**/vote', (route) => {
    votes.push(route.request().postDataJSON());
    return route.fulfill({ status: 204 });
  });
  const away = page.getByRole('button', { name: 'Away' });
  await away.focus();
  await away.hover();
  await page.mouse.down();
  await post(server.url, 'demo', 'vote!', 'Eve');
  await page.getByText('807 votes · open').waitFor();
  assert.ok(await away.evaluate((button) => button === document.activeElement));
  await page.mouse.up();
  await until('the vote', () => votes.length === 1);
  assert.deepEqual(votes, [{ option: 1 }]);
  assert.equal(await page.locator('.option.chosen').textContent(), 'Away38%');
  await post(server.url, 'demo', 'over', 'Eve');
  await page.getByText('808 votes · closed').waitFor();
  assert.equal(await page.locator('.option:disabled').count(), 3);
  assert.deepEqual(ana.wrong, []);
});

test('viewers, reactions, poll, leaderboard, odds and the pinned comment, as they come', async (t) => {
  const server = await Server.start(t);
  const pinned = await post(server.url, 'demo', 'read this first', 'Ben');
  const proxy = await Proxy.start(t, () => server.url);
  // Its own counts are others than the stream's here.
  Object.assign(proxy, { mode: 404, only: '/stats' });
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

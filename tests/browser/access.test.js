// For everybody: axe, the keyboard alone, less motion, and a live region that doesn't flood.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { Announcer } from '../../gateway/web/page/announcer.js';
import { Proxy } from '../sdk/support/proxy.js';
import { Server, post } from '../sdk/support/server.js';
import { Visit, browser, until } from './support/browser.js';
import { EVENTS, adding, fill } from './support/room.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds that is serious or worse. */
async function findings(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const bad = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  return bad.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => `${id}: ${html} ${any[0]?.message ?? ''}`));
}

for (const path of ['/', '/embed']) {
  for (const colorScheme of ['light', 'dark']) {
    test(`axe finds nothing serious in ${path}, ${colorScheme}`, async (t) => {
      const server = await Server.start(t, '--limits.comments_per_user_per_minute', '0');
      const [pinned] = await fill(server.url);
      const proxy = await Proxy.start(t, () => server.url);
      adding(proxy, { ...EVENTS, pin: { comment: pinned.id } });
      const visit = await (
        await Visit.to(await browser(t), proxy.url, { path, colorScheme, user: 'Ana Lima', reducedMotion: 'reduce' })
      ).live();
      await visit.page.locator('.pinned').waitFor();
      assert.deepEqual(await findings(visit.page), []);
      await visit.page.fill('#text', 'x'.repeat(501));
      await visit.page.press('#text', 'Enter');
      await visit.page.locator('#refusal').waitFor();
      await visit.comment('GOOOOAL').hover();
      assert.deepEqual(await findings(visit.page), []);
      await visit.comment('GOOOOAL').getByRole('button', { name: 'More' }).click();
      assert.deepEqual(await findings(visit.page), []);
      if (path === '/') {
        await visit.page.keyboard.press('Escape');
        await visit.page.click('#me');
        assert.deepEqual(await findings(visit.page), []);
      }
    });
  }
}

test('axe notices what it should: a field without a name, letters too faint', async (t) => {
  const server = await Server.start(t);
  const visit = await (await Visit.to(await browser(t), server.url)).live();
  await visit.page.evaluate(() => {
    document.querySelector('#text').removeAttribute('aria-label');
    document.querySelector('#text').removeAttribute('placeholder');
    document.querySelector('.subtitle').style.color = '#888';
    document.querySelector('.subtitle').style.background = '#999';
  });
  const found = (await findings(visit.page)).join('\n');
  assert.match(found, /^label: /m);
  assert.match(found, /^color-contrast: /m);
});

test('by keyboard alone: read, answer, mute, write', async (t) => {
  const server = await Server.start(t);
  for (const [text, user] of [
    ['first', 'Ben'],
    ['second', 'Eve'],
    ['third', 'Ben'],
  ])
    await post(server.url, 'demo', text, user);
  const visit = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  await visit.comment('third').waitFor();
  const { keyboard } = visit.page;
  const focus = () =>
    visit.page.evaluate(
      () =>
        document.activeElement.id ||
        document.activeElement.dataset.commentId ||
        document.activeElement.getAttribute('aria-label') ||
        document.activeElement.textContent,
    );
  const passed = [];
  for (let nth = 0; nth < 20 && passed.at(-1) !== 'scroller'; nth += 1) {
    await keyboard.press('Tab');
    passed.push(await focus());
  }
  for (const stop of ['room-button', 'theme', 'me', 'scroller']) assert.ok(passed.includes(stop), passed.join());
  const text = () => visit.page.evaluate(() => document.activeElement.querySelector('.text')?.textContent);
  await keyboard.press('ArrowUp');
  assert.equal(await text(), 'third');
  await keyboard.press('ArrowUp');
  assert.equal(await text(), 'second');
  await keyboard.press('Enter');
  await visit.page.getByRole('menuitem').first().waitFor();
  assert.equal(await focus(), 'Reply');
  await keyboard.press('ArrowDown');
  await keyboard.press('ArrowDown');
  assert.equal(await focus(), 'Mute this person for me');
  await keyboard.press('Enter');
  await until('muted', async () => (await visit.texts()).join() === 'first,third');
  assert.equal(await focus(), 'scroller');
  await keyboard.press('ArrowUp');
  await keyboard.press('r');
  assert.equal(await focus(), 'text');
  await keyboard.type('an answer');
  await keyboard.press('Enter');
  await visit.comment('an answer').locator('.quote', { hasText: 'third' }).waitFor();
  assert.deepEqual(visit.wrong, []);
});

test('less motion: the picture rests, nothing moves; else it runs until it is paused', async (t) => {
  const server = await Server.start(t);
  const chromium = await browser(t);
  const picture = (page) => page.evaluate(() => document.querySelector('#picture').toDataURL());
  const moves = async (page) => {
    const before = await picture(page);
    await page.waitForTimeout(500);
    return (await picture(page)) !== before;
  };
  const calm = await (await Visit.to(chromium, server.url, { reducedMotion: 'reduce' })).live();
  await post(server.url, 'demo', 'hello');
  await calm.comment('hello').waitFor();
  assert.equal(await moves(calm.page), false);
  assert.equal(await calm.page.evaluate(() => document.getAnimations().length), 0);
  const usual = await (await Visit.to(chromium, server.url)).live();
  assert.equal(await moves(usual.page), true);
  await usual.page.getByRole('button', { name: 'Pause the animation' }).click();
  assert.equal(await moves(usual.page), false);
});

test('a hundred comments at once are told in a few sentences', async (t) => {
  const server = await Server.start(t, '--limits.comments_per_user_per_minute', '0');
  const visit = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  await visit.page.evaluate(() => {
    window.told = [];
    new MutationObserver(() => window.told.push(document.querySelector('#announcer').textContent)).observe(
      document.querySelector('#announcer'),
      { childList: true },
    );
  });
  await Promise.all(Array.from({ length: 100 }, (_, nth) => post(server.url, 'demo', `comment ${nth}`, 'Ben')));
  const told = () => visit.page.evaluate(() => window.told);
  const sum = (all) => all.reduce((total, words) => total + Number(words.match(/^(\d+) new comments/)?.[1] ?? 1), 0);
  await until('all told', async () => sum(await told()) === 100, 20_000);
  t.diagnostic((await told()).join(' | '));
  assert.ok((await told()).length <= 4);
});

test('what is taken away before it was told is not told', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const place = { textContent: '' };
  const announcer = new Announcer(place);
  const hear = (id) => announcer.heard({ id, text: `comment ${id}`, author: { id: 'ben', name: 'Ben' } });
  const take = (id) => announcer.hush((comment) => comment.id === id);
  hear('1');
  t.mock.timers.tick(300);
  assert.equal(place.textContent, 'Ben: comment 1');
  for (const id of ['2', '3']) hear(id);
  take('3');
  assert.equal(place.textContent, 'Ben: comment 1', 'which is not the one');
  t.mock.timers.tick(5000);
  assert.equal(place.textContent, '1 new comment');
  hear('4');
  take('4');
  t.mock.timers.tick(5000);
  assert.equal(place.textContent, '1 new comment');
  hear('5');
  t.mock.timers.tick(5000);
  assert.equal(place.textContent, 'Ben: comment 5');
  take('5');
  assert.equal(place.textContent, '');
});

// A busy room: the document stays bounded, frames stay short, and whoever reads stays where they are.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROWS_MAX } from '../../gateway/web/page/transcript.js';
import { HELD_MAX } from '../../gateway/web/page/timeline.js';
import { Server, post } from '../sdk/support/server.js';
import { GUARD_MS, Visit, browser, until } from './support/browser.js';

const COMMENTS = 10_000;
const PER_SECOND = 200;
const FRAME_MS_P95 = 32;

/** Posts at a steady rate; what can't be posted is thrown. */
async function pour(url, count, perSecond) {
  const begun = performance.now();
  const under = [];
  for (let nth = 0; nth < count; nth += 1) {
    under.push(post(url, 'demo', `comment ${nth}`, `user-${nth % 200}`));
    const early = begun + (nth / perSecond) * 1000 - performance.now();
    if (early > 4) await new Promise((done) => setTimeout(done, early));
  }
  await Promise.all(under);
}

/** What Chromium counts: seconds of work, layouts. */
async function meter(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  return async () =>
    Object.fromEntries((await session.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));
}

/** Takes the time of each frame from now on. */
const watchFrames = (page) =>
  page.evaluate(() => {
    window.frames_ms = [];
    let last = performance.now();
    const next = (now) => {
      window.frames_ms.push(now - last);
      last = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });

test(`${COMMENTS} comments: rows bounded, frames short, the newest in view`, async (t) => {
  const server = await Server.start(t, '--limits.comments_per_user_per_minute', '0');
  const ana = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  const metrics = await meter(ana.page);
  await watchFrames(ana.page);
  const before = await metrics();
  let rows = 0;
  const looking = setInterval(async () => {
    rows = Math.max(
      rows,
      await ana.page
        .locator('.comment')
        .count()
        .catch(() => 0),
    );
  }, 500);
  await pour(server.url, COMMENTS, PER_SECOND);
  clearInterval(looking);
  await ana.comment(`comment ${COMMENTS - 1}`).waitFor({ timeout: 6 * GUARD_MS });
  const frames = (await ana.page.evaluate(() => window.frames_ms)).sort((a, b) => a - b);
  const spent = await metrics();
  const perFrame = (...names) => names.reduce((sum, name) => sum + spent[name] - before[name], 0) / frames.length;
  t.diagnostic(
    `per frame: ${(1000 * perFrame('ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration')).toFixed(1)} ms of script, style and layout; ${perFrame('LayoutCount').toFixed(2)} layouts`,
  );
  const at = (share) => frames[Math.floor(frames.length * share)].toFixed(1);
  t.diagnostic(
    `${frames.length} frames: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms (goal ${FRAME_MS_P95}), p99 ${at(0.99)} ms; at most ${rows} rows, ${await ana.page.locator('*').count()} elements`,
  );
  assert.ok(rows > 0 && rows <= ROWS_MAX, `${rows} rows`);
  assert.ok(perFrame('LayoutCount') < 1.5, 'rows are read before they are written');
  assert.ok(at(0.95) < 10 * FRAME_MS_P95);
  assert.equal(await ana.page.locator('#newest').isVisible(), false);
  assert.deepEqual(ana.wrong, []);
});

test('whoever scrolled up stays where they are, loads older and comes back to the newest', async (t) => {
  const server = await Server.start(t, '--limits.comments_per_user_per_minute', '0');
  for (let nth = 0; nth < 400; nth += 1) await post(server.url, 'demo', `old ${nth}`);
  const ana = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  await ana.comment('old 399').waitFor();
  await ana.page.hover('#scroller');
  await until(
    'the beginning',
    async () => {
      await ana.page.mouse.wheel(0, -900);
      return (await ana.texts())[0] === 'old 0';
    },
    3 * GUARD_MS,
  );
  await ana.page.getByText('where the conversation began').waitFor();
  assert.ok((await ana.rows()).length <= ROWS_MAX);

  // Some rows further down, so that rows above can go as well.
  for (let nth = 0; nth < 5; nth += 1) await ana.page.mouse.wheel(0, 500);
  await ana.page.waitForTimeout(500);
  const inView = () =>
    ana.page.evaluate(() => {
      const { top } = document.querySelector('#scroller').getBoundingClientRect();
      const row = [...document.querySelectorAll('.comment')].find((row) => row.getBoundingClientRect().top >= top);
      return { text: row.querySelector('.text').textContent, top: Math.round(row.getBoundingClientRect().top) };
    });
  const before = await inView();
  const more = HELD_MAX + 200;
  await pour(server.url, more, PER_SECOND);
  await ana.page.getByText('999+ new comments').waitFor({ timeout: 3 * GUARD_MS });
  assert.deepEqual(await inView(), before);
  assert.ok((await ana.rows()).length <= ROWS_MAX);

  await ana.page.click('#newest');
  await ana.comment(`comment ${more - 1}`).waitFor();
  assert.equal(await ana.page.locator('#newest').isVisible(), false);
  await ana.page.hover('#scroller');
  // Back up over the stretch that was let go of: every one of them is there, in order.
  const seen = new Set();
  await until(
    'what was let go of',
    async () => {
      await ana.page.mouse.wheel(0, -700);
      for (const text of await ana.texts()) seen.add(text);
      return seen.has('comment 500');
    },
    6 * GUARD_MS,
  );
  const missing = Array.from({ length: more - 500 }, (_, nth) => `comment ${nth + 500}`).filter(
    (text) => !seen.has(text),
  );
  assert.deepEqual(missing, []);
  assert.deepEqual(ana.wrong, []);
});

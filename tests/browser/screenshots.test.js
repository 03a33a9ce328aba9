// Pictures of what people meet, to be looked at: phone and desktop, light and dark.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Proxy } from '../sdk/support/proxy.js';
import { Server } from '../sdk/support/server.js';
import { PICTURES, Visit, browser } from './support/browser.js';
import { EVENTS, adding, cheer, fill } from './support/room.js';

const SIZES = {
  desktop: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};

test('screenshots', async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  const server = await Server.start(t, '--limits.comments_per_user_per_minute', '0');
  const proxy = await Proxy.start(t, () => server.url);
  const chromium = await browser(t);
  const posted = await fill(server.url);
  await cheer(server.url);
  let taken = 0;
  for (const [size, options] of Object.entries(SIZES)) {
    for (const colorScheme of ['light', 'dark']) {
      const shot = async (name, path, before, during = async () => {}) => {
        before?.();
        const visit = await Visit.to(chromium, proxy.url, { path, colorScheme, user: 'Ana Lima', ...options });
        await during(visit);
        await visit.page.waitForTimeout(700);
        await visit.page.screenshot({ path: join(PICTURES, `${name}-${size}-${colorScheme}.png`) });
        taken += 1;
        await visit.context.close();
        Object.assign(proxy, { mode: 'pass', only: '', edit: null });
      };
      const live = (visit) => visit.live();
      await shot('live', '/', null, live);
      await shot('cards', '/', () => adding(proxy, { ...EVENTS, pin: { comment: posted[13].id } }), live);
      await shot('embed', '/embed', null, live);
      await shot('empty', '/?video=nobody-yet', null, live);
      await shot('loading', '/', () => Object.assign(proxy, { mode: 'buffer', only: '/stream' }));
      await shot('no-such-room', '/?video=%3F%3F');
      await shot('refused', '/', null, async (visit) => {
        await visit.live();
        await visit.write('way too long '.repeat(50));
      });
      await shot('reconnecting', '/', null, async (visit) => {
        await visit.live();
        Object.assign(proxy, { mode: 502, only: '/stream' });
        proxy.cut();
        await visit.page.getByText('reconnecting…').waitFor();
      });
    }
  }
  t.diagnostic(`${taken} in ${PICTURES}`);
  assert.equal(taken, 32);
});

// What the README's first command shows.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Server } from '../sdk/support/server.js';
import { PICTURES, Visit, browser, until } from './support/browser.js';

test('the demo is alive: comments, a pinned one, odds, reactions and how many watch', async (t) => {
  mkdirSync(PICTURES, { recursive: true });
  const server = await Server.start(t, '--demo');
  const began = Date.now();
  const viewport = { width: 1440, height: 900 };
  const visit = await (await Visit.to(await browser(t), server.url, { viewport, colorScheme: 'dark' })).live();
  const { page } = visit;
  await until('a room full of comments', async () => (await visit.rows()).length >= 20);
  t.diagnostic(`alive ${Date.now() - began} ms after the server`);
  await page.locator('.pinned .text', { hasText: 'Welcome!' }).waitFor();
  await page.locator('.facts dd').first().waitFor();
  await page.locator('#watching', { hasText: '1 watching' }).waitFor();
  await page.locator('.float').first().waitFor();
  const pressed = async () => (await page.locator('.reaction b').allTextContents()).map(Number);
  await until('counted reactions', async () => (await pressed()).some((count) => count > 0));
  const [newest] = (await visit.rows()).slice(-1);
  await until('another comment', async () => (await visit.rows()).at(-1).id !== newest.id);
  await page.screenshot({ path: join(PICTURES, 'demo.png') });
  assert.deepEqual(visit.wrong, []);
});

// The form for frames: only where it is allowed; and what is kept by browsers.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { Server, post } from '../sdk/support/server.js';
import { Visit, browser, until } from './support/browser.js';

/** A site of another origin with a frame in it. */
async function site(t, address) {
  const server = http.createServer((_, response) =>
    response
      .writeHead(200, { 'Content-Type': 'text/html' })
      .end(`<iframe src="${address()}" width=400 height=600></iframe>`),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

async function framed(t, chromium, host) {
  const context = await chromium.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const refused = [];
  page.on('console', (said) => said.text().includes('frame-ancestors') && refused.push(said.text()));
  await page.goto(host);
  return { frame: page.frameLocator('iframe'), refused };
}

test('the embedded form is shown by an allowed origin, the page by none', async (t) => {
  let address;
  const host = await site(t, () => address);
  const server = await Server.start(t, '--cors.allowed_origins', host);
  const stranger = await site(t, () => address);
  const chromium = await browser(t);
  await post(server.url, 'cup', 'from the frame');
  address = `${server.url}/embed?video=cup`;
  const shown = await framed(t, chromium, host);
  await shown.frame.locator('.comment', { hasText: 'from the frame' }).waitFor();
  assert.equal(await shown.frame.locator('.show').isVisible(), false);
  await shown.frame.locator('#text').fill('back');
  await shown.frame.locator('#text').press('Enter');
  await shown.frame.locator('.comment.mine:not(.pending)', { hasText: 'back' }).waitFor();
  assert.deepEqual(shown.refused, []);

  const elsewhere = await framed(t, chromium, stranger);
  await until('refused', () => elsewhere.refused.length > 0);
  address = `${server.url}/?video=cup`;
  const page = await framed(t, chromium, host);
  await until('refused', () => page.refused.length > 0);
});

test('a second visit loads nothing anew but what has to be asked for', async (t) => {
  const server = await Server.start(t);
  const first = await (await Visit.to(await browser(t), server.url)).live();
  const second = await first.context.newPage();
  const asked = [];
  second.on('response', async (response) => {
    if (
      new URL(response.url()).pathname.startsWith('/assets/') &&
      !(await response.request().response()).fromServiceWorker()
    )
      asked.push(response);
  });
  await second.goto(server.url);
  await second.locator('#connection[data-state="live"]').waitFor();
  const transferred = await second.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .filter(({ name }) => name.includes('/assets/'))
      .map(({ transferSize }) => transferSize),
  );
  assert.ok(transferred.length > 20, `${transferred.length} files`);
  assert.deepEqual(
    transferred.filter((size) => size > 0),
    [],
  );
});

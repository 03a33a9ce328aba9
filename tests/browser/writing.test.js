// The keys, the clipboard, what is kept while it is written, and dialogs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server, post } from '../sdk/support/server.js';
import { Visit, browser, until } from './support/browser.js';

test('what is written is kept for its room', async (t) => {
  const server = await Server.start(t);
  const ana = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  await ana.page.fill('#text', 'half a thought');
  await ana.page.goto(`${server.url}/?video=other`);
  await ana.live();
  assert.equal(await ana.page.inputValue('#text'), '');
  await ana.page.goto(server.url);
  await ana.live();
  assert.equal(await ana.page.inputValue('#text'), 'half a thought');
});

test('an Enter that chooses a word sends nothing, in Safari neither', async (t) => {
  const server = await Server.start(t);
  const ana = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  await ana.page.fill('#text', 'にほんご');
  const press = (more) => ana.page.dispatchEvent('#text', 'keydown', { key: 'Enter', bubbles: true, ...more });
  await press({ isComposing: true });
  await press({ keyCode: 229 });
  assert.equal(await ana.page.inputValue('#text'), 'にほんご');
  await press({ keyCode: 13 });
  await ana.comment('にほんご').waitFor();
});

test('what is not acknowledged yet can’t be answered', async (t) => {
  const server = await Server.start(t);
  const ana = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  let go;
  const held = new Promise((done) => {
    go = done;
  });
  await ana.page.route('**/comments', (route) => held.then(() => route.continue()));
  await ana.write('on its way');
  await ana.page.locator('.comment.pending').focus();
  await ana.page.keyboard.press('r');
  assert.equal(await ana.page.locator('.replying').isVisible(), false);
  go();
  await ana.page.locator('.comment:not(.pending)').focus();
  await ana.page.keyboard.press('r');
  await ana.page.locator('.replying').waitFor();
});

test('copying says how it went', async (t) => {
  const server = await Server.start(t);
  await post(server.url, 'demo', 'copy me', 'Ben');
  const chromium = await browser(t);
  const ana = await (
    await Visit.to(chromium, server.url, { user: 'Ana', permissions: ['clipboard-read', 'clipboard-write'] })
  ).live();
  await ana.choose('copy me', 'Copy text');
  await ana.page.locator('.toast', { hasText: 'Copied.' }).waitFor();
  assert.equal(await ana.page.evaluate(() => navigator.clipboard.readText()), 'copy me');

  // As on a page that is not of https.
  await ana.page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  const snippet = ana.page.getByRole('button', { name: 'Copy: Watch from a terminal' });
  const picture = await snippet.innerHTML();
  for (const copy of [() => ana.choose('copy me', 'Copy text'), () => snippet.click()]) {
    await ana.page.evaluate(() => document.querySelector('.toast').replaceChildren());
    await copy();
    await ana.page.locator('.toast', { hasText: 'Nothing is copied' }).waitFor();
  }
  assert.equal(await snippet.innerHTML(), picture);
  assert.deepEqual(ana.wrong, []);
});

test('a dialog is closed by a click beside it, and not by one at its edge', async (t) => {
  const server = await Server.start(t);
  const ana = await (await Visit.to(await browser(t), server.url, { user: 'Ana' })).live();
  await ana.page.click('#room-button');
  const dialog = ana.page.getByRole('dialog');
  const { x, y } = await dialog.boundingBox();
  await ana.page.mouse.click(x + 8, y + 8);
  assert.ok(await dialog.isVisible());
  await ana.page.mouse.click(x - 8, y - 8);
  await until('closed', async () => (await dialog.count()) === 0);
});

test('a room that was never opened says so to who writes there', async (t) => {
  const server = await Server.start(t, '--videos.create', 'registered');
  const ana = await Visit.to(await browser(t), server.url, { user: 'Ana' });
  await ana.write('anyone?');
  await ana.page.locator('#refusal', { hasText: 'Not sent. This room isn’t open.' }).waitFor();
  assert.equal(await ana.page.inputValue('#text'), 'anyone?');
});

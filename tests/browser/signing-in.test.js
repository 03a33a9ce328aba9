// Tokens by the page's address and by its dialog, and what needs one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server, token } from '../sdk/support/server.js';
import { Visit, browser, until } from './support/browser.js';

const SECRET = 'a secret of at least thirty-two bytes';
const bearer = (name) => token(SECRET, '--sub', name, '--name', name);
const signedIn = (visit, name) => visit.page.locator('#me', { hasText: name }).waitFor();

test('a token in the address of a page that is open is taken, and out of the address', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const visit = await (await Visit.to(await browser(t), server.url)).live();
  await signedIn(visit, 'Sign in');
  await visit.page.goto(`${server.url}/#token=${bearer('Eve')}`);
  await signedIn(visit, 'Eve');
  assert.ok(!visit.page.url().includes('token'));
  await visit.live();
});

test('where the browser keeps nothing, one signs in for as long as the page is open', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const chromium = await browser(t);
  const context = await chromium.newContext();
  t.after(() => context.close());
  await context.addInitScript(() => {
    const refuse = () => {
      throw new DOMException('no storage here', 'SecurityError');
    };
    for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get: refuse });
  });
  const visit = await (await Visit.to(chromium, server.url, { context })).live();
  await visit.page.click('#me');
  await visit.page.fill('#token', bearer('Eve'));
  await visit.page.keyboard.press('Enter');
  await signedIn(visit, 'Eve');
  assert.ok(!visit.page.url().includes('token'));
  await visit.live();
  await visit.write('hello');
  await visit.page.locator('.comment.mine:not(.pending)').waitFor();
  assert.deepEqual(visit.wrong, []);
});

test('who is not signed in is asked to, when they react', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const visit = await (await Visit.to(await browser(t), server.url)).live();
  const sent = [];
  visit.page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()));
  const applause = visit.page.getByRole('button', { name: 'applause' });
  await applause.click();
  await visit.page.getByRole('dialog').getByLabel('Token').waitFor();
  assert.equal(await applause.locator('b').textContent(), '');
  await visit.page.keyboard.press('Escape');
  await until('closed', async () => (await visit.page.getByRole('dialog').count()) === 0);
  assert.deepEqual(sent, []);
});

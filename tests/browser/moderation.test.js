// What a token's role allows, and what it does in others' pages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server, token } from '../sdk/support/server.js';
import { Visit, browser, until } from './support/browser.js';

const SECRET = 'a secret of at least thirty-two bytes';
const as = (sub, role) => `/#token=${token(SECRET, '--sub', sub, '--name', sub, '--role', role)}`;

async function entries(visit, text) {
  await visit.comment(text).hover();
  await visit.comment(text).getByRole('button', { name: 'More' }).click();
  const found = await visit.page.getByRole('menuitem').allTextContents();
  await visit.page.keyboard.press('Escape');
  return found;
}

test('a moderator pins, deletes, bans; a commenter can’t', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const chromium = await browser(t);
  const mona = await (await Visit.to(chromium, server.url, { path: as('Mona', 'moderator') })).live();
  const eve = await (await Visit.to(chromium, server.url, { path: as('Eve', 'commenter') })).live();
  const nobody = await (await Visit.to(chromium, server.url)).live();
  await mona.write('the rules');
  for (const text of ['fine', 'rude', 'ruder']) await eve.write(text);
  for (const visit of [mona, eve, nobody]) await until('all', async () => (await visit.texts()).length === 4);
  assert.equal(await nobody.page.locator('.badge', { hasText: 'Moderator' }).count(), 1);

  assert.deepEqual(await entries(eve, 'the rules'), ['Reply', 'Copy text', 'Mute this person for me', 'Report']);
  assert.ok((await entries(mona, 'rude')).includes('Ban and hide all comments'));

  await mona.choose('the rules', 'Pin');
  await nobody.page.locator('.pinned .text', { hasText: 'the rules' }).waitFor();
  await mona.choose('rude', 'Delete for everybody');
  for (const visit of [mona, eve, nobody]) await until('deleted', async () => !(await visit.texts()).includes('rude'));
  await eve.choose('the rules', 'Report');
  await eve.page.locator('.toast', { hasText: 'Reported' }).waitFor();
  await mona.choose('ruder', 'Ban and hide all comments');
  for (const visit of [mona, nobody]) await until('hidden', async () => (await visit.texts()).join() === 'the rules');
  await eve.page.locator('.closed', { hasText: 'You are banned' }).waitFor();
  await mona.choose('the rules', 'Unpin');
  await until('unpinned', async () => (await nobody.page.locator('.pinned').count()) === 0);
  assert.deepEqual([...mona.wrong, ...eve.wrong, ...nobody.wrong], []);
});

test('who is banned keeps what they wrote, also what was on its way', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const chromium = await browser(t);
  const mona = await (await Visit.to(chromium, server.url, { path: as('Mona', 'moderator') })).live();
  const eve = await (await Visit.to(chromium, server.url, { path: as('Eve', 'commenter') })).live();
  await eve.write('rude');
  await mona.comment('rude').waitFor();
  await eve.page.locator('.comment.mine:not(.pending)').waitFor();
  let go;
  const held = new Promise((done) => {
    go = done;
  });
  await eve.page.route('**/comments', (route) => held.then(() => route.continue()));
  await eve.write('and another thing');
  await eve.page.locator('#text').pressSequentially('half a thou');
  await mona.choose('rude', 'Ban for 10 minutes');
  await eve.page.locator('.closed', { hasText: 'You are banned' }).waitFor();
  const text = eve.page.locator('#text');
  assert.ok(await text.isVisible());
  assert.equal(await text.inputValue(), 'half a thou');
  assert.equal(await text.evaluate((field) => field.readOnly && document.activeElement === field), true);
  await eve.page.keyboard.press('Enter');
  go();
  await eve.page.locator('#refusal', { hasText: 'Not sent.' }).waitFor();
  assert.equal(await text.inputValue(), 'and another thing\nhalf a thou');
  assert.ok(await eve.page.locator('.closed', { hasText: 'You are banned' }).isVisible());
  assert.equal(await eve.page.locator('.send').count(), 0);
  assert.deepEqual(eve.wrong, []);
});

test('slow mode counts down and keeps what is written', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const chromium = await browser(t);
  const eve = await (await Visit.to(chromium, server.url, { path: as('Eve', 'commenter') })).live();
  assert.equal(await eve.page.locator('#settings').isVisible(), false);
  const mona = await (await Visit.to(chromium, server.url, { path: as('Mona', 'moderator') })).live();
  await mona.page.click('#settings');
  await mona.page.selectOption('#slow', '30');
  await mona.page.getByRole('button', { name: 'Save' }).click();
  await eve.page.getByText('Slow mode: one comment every 30 s.').waitFor();
  await eve.write('one');
  await eve.page.locator('.comment.mine:not(.pending)').waitFor();
  assert.match(await eve.page.textContent('.send'), /^\d+ s$/);
  await eve.write('two');
  assert.equal(await eve.page.inputValue('#text'), 'two');
  assert.deepEqual(await eve.texts(), ['one']);
  await mona.page.click('#settings');
  assert.equal(await mona.page.inputValue('#slow'), '30');
  await mona.page.selectOption('#who', 'authenticated');
  await mona.page.getByRole('button', { name: 'Save' }).click();
  const nobody = await (await Visit.to(chromium, server.url)).live();
  await nobody.page.getByText('Only people who signed in can write right now. Slow mode').waitFor();
  // Who signed in has to know of slow mode alone.
  await until('the hint', async () => (await eve.page.textContent('.hint')) === 'Slow mode: one comment every 30 s.');
  await mona.page.click('#settings');
  await mona.page.selectOption('#who', 'nobody');
  await mona.page.getByRole('button', { name: 'Save' }).click();
  await eve.page.getByText('Only moderators can write right now.').waitFor();
});

test('who is not signed in is asked to, when they write', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const visit = await (await Visit.to(await browser(t), server.url)).live();
  await visit.write('let me in');
  await visit.page.getByRole('dialog').getByText('Sign in', { exact: true }).first().waitFor();
  await visit.page.fill('#token', token(SECRET, '--sub', 'Eve', '--name', 'Eve'));
  await visit.page.keyboard.press('Enter');
  await visit.page.locator('#me', { hasText: 'Eve' }).waitFor();
  assert.equal(await visit.page.inputValue('#text'), 'let me in', 'what was written is there after signing in');
});

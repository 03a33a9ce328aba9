// What users write never runs, whatever it says and wherever it stands.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Proxy } from '../sdk/support/proxy.js';
import { Server, post, token } from '../sdk/support/server.js';
import { Visit, browser, until } from './support/browser.js';
import { adding } from './support/room.js';

const SECRET = 'a secret of at least thirty-two bytes';
const PAYLOADS = [
  '<script>window.ran = 1</script>',
  '<img src=x onerror="window.ran = 1">',
  '<svg onload="window.ran = 1"><circle></svg>',
  '<svg><script href="data:text/javascript,window.ran=1"/></svg>',
  '"><script>window.ran = 1</script>',
  "'-(window.ran = 1)-'",
  '<iframe srcdoc="<script>parent.ran = 1</script>"></iframe>',
  '<a href="javascript:window.ran = 1">click me</a>',
  'javascript:window.ran=1',
  '<details open ontoggle="window.ran = 1">',
  '<input autofocus onfocus="window.ran = 1">',
  '<style>@import "https://elsewhere.example/x.css";</style>',
  '<link rel=stylesheet href="https://elsewhere.example/x.css">',
  '<meta http-equiv=refresh content="0;url=https://elsewhere.example/">',
  '<base href="https://elsewhere.example/">',
  '<form action="https://elsewhere.example/"><button>x</button></form>',
  '<math><mtext><table><mglyph><style><img src=x onerror="window.ran = 1">',
  '{{constructor.constructor("window.ran = 1")()}}',
  '${window.ran = 1}',
  '</li></ol><script>window.ran = 1</script>',
  '</title><script>window.ran = 1</script>',
  '&lt;script&gt;window.ran = 1&lt;/script&gt;',
];
/** Elements that the page never makes where comments, names and cards stand. */
const FOREIGN =
  ':is(.comments, .chat-cards, .cards, .top, .composer, .about, .snippets, .toast, .menu) :is(script, style, link, meta, base, iframe, object, embed, form form, a, img, math, table, details:not(.card), input, svg [href])';

/** What ran, or got into the document; everything hovered, opened and clicked before. */
async function harm(visit) {
  for (const row of await visit.page.locator('.comment').all()) {
    await row.locator('.text').click();
  }
  await visit.page.waitForTimeout(300);
  return found(visit);
}

function found(visit) {
  return visit.page.evaluate(
    (foreign) => ({
      ran: window.ran ?? null,
      foreign: [...document.querySelectorAll(foreign)].map((found) => found.outerHTML),
    }),
    FOREIGN,
  );
}
const NONE = { ran: null, foreign: [] };

test('as comments and as names', async (t) => {
  const server = await Server.start(t, '--limits.comments_per_user_per_minute', '0');
  for (const payload of PAYLOADS) await post(server.url, 'demo', payload, payload);
  const visit = await (await Visit.to(await browser(t), server.url, { user: PAYLOADS[1] })).live();
  await visit.comment('javascript:window.ran=1').waitFor();
  assert.deepEqual(await visit.texts(), PAYLOADS);
  const names = await visit.page.locator('.comment .name').allTextContents();
  assert.deepEqual(names, PAYLOADS);
  // The menu is named after the author, the composer after who is answered.
  await visit.choose('javascript:window.ran=1', 'Reply');
  assert.deepEqual(await harm(visit), NONE);
  assert.deepEqual(visit.wrong, []);
});

/** A list's parts of at most so many. */
const parts = (list, size) =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, nth) => list.slice(nth * size, (nth + 1) * size));

/** Every payload wherever a card says something; of some cards only the last ones stay. */
const cards = (pinned) => [
  ...pinned.map(({ id }) => ['pin', { comment: id }]),
  ...PAYLOADS.map((payload, nth) => ['poll', { id: `p${nth}`, question: payload, options: [payload], totals: [1] }]),
  ['poll', { id: 'all', question: 'all', options: PAYLOADS.map((text) => ({ text })) }],
  ...parts(PAYLOADS, 5).map((some) => [
    'leaderboard',
    { top: some.map((name, nth) => ({ id: name, name, score: nth, avatar: name })) },
  ]),
  ...parts(PAYLOADS, 8).flatMap((some, nth) => [
    [`facts${nth}`, Object.fromEntries(some.map((payload) => [payload, payload]))],
    [`facts${nth}`, Object.fromEntries(some.map((payload) => [payload, { [payload]: [payload] }]))],
  ]),
  ['<img src=x onerror="window.ran = 1">', '<svg onload="window.ran = 1">'],
  ['reactions', { totals: Object.fromEntries(PAYLOADS.map((payload) => [payload, 1])) }],
];

test('in quotes, and in all that the room shows beside comments', async (t) => {
  const server = await Server.start(t, '--limits.comments_per_user_per_minute', '0');
  const payloads = [];
  for (const payload of PAYLOADS) payloads.push(await post(server.url, 'demo', payload, payload));
  for (const { id } of payloads) {
    const response = await fetch(`${server.url}/v1/videos/demo/comments`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Chorus-User': 'Ben' },
      body: JSON.stringify({ text: 'so what', reply_to: id }),
    });
    assert.ok(response.ok);
  }
  const proxy = await Proxy.start(t, () => server.url);
  adding(proxy, cards(payloads));
  const visit = await (await Visit.to(await browser(t), proxy.url, { user: 'Ana', reducedMotion: 'reduce' })).live();
  const { page } = visit;
  const quotes = page.locator('.quote span');
  await until('all quoted', async () => (await quotes.allTextContents()).join() === PAYLOADS.join());
  assert.deepEqual(await page.locator('.quote b').allTextContents(), PAYLOADS);
  await page.locator('.pinned .text').getByText(PAYLOADS.at(-1)).waitFor();
  const options = page.locator('.poll').last().locator('.option span:last-of-type');
  assert.deepEqual(await options.allTextContents(), PAYLOADS);
  assert.ok((await page.locator('.leaders .name').allTextContents()).includes(PAYLOADS.at(-1)));
  assert.ok((await page.locator('.facts dt').allTextContents()).includes(PAYLOADS.at(-1)));
  assert.ok((await page.locator('.reaction').count()) >= PAYLOADS.length);
  // What is done about one says its name.
  await page.locator('.comment').first().hover();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Mute this person for me' }).click();
  await page.locator('.toast', { hasText: PAYLOADS[0] }).waitFor();
  await page.waitForTimeout(300);
  assert.deepEqual(await found(visit), NONE);
  assert.deepEqual(visit.wrong, []);
});

test('as names in signed tokens', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const chromium = await browser(t);
  for (const [nth, payload] of PAYLOADS.slice(0, 6).entries()) {
    const bearer = token(SECRET, '--sub', `user-${nth}`, '--name', payload);
    const visit = await (await Visit.to(chromium, server.url, { path: `/#token=${bearer}` })).live();
    await visit.write('hello');
    await visit.page.locator('.comment.mine:not(.pending)').waitFor();
    assert.equal(await visit.page.locator('#me .name').textContent(), payload);
    assert.ok(!visit.page.url().includes('token'), 'the token is out of the address');
    assert.deepEqual(await harm(visit), NONE);
    assert.deepEqual(visit.wrong, []);
    await visit.context.close();
  }
});

/** A token with any claims, as an identity provider would sign it. */
function signed(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })}`;
  return `${head}.${createHmac('sha256', SECRET).update(head).digest('base64url')}`;
}

test('only the picture that a token names is asked of another host, which isn’t told where from', async (t) => {
  const server = await Server.start(t, '--auth.hs256_secret', SECRET);
  const visit = await (
    await Visit.to(await browser(t), server.url, {
      path: `/#token=${signed({ sub: 'ana', name: 'Ana', avatar: 'https://pictures.example/ana.png' })}`,
    })
  ).live();
  const asked = [];
  await visit.page.route('https://pictures.example/**', (route) => {
    asked.push(route.request().headers().referer ?? 'nothing');
    return route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg"/>' });
  });
  await visit.write('hello');
  await visit.page.locator('.comment.mine:not(.pending) .avatar img').waitFor();
  assert.ok(asked.length > 0);
  assert.deepEqual([...new Set(asked)], ['nothing']);
  assert.deepEqual([...new Set(visit.wrong)], ['asked https://pictures.example/ana.png']);
});

test('in the page’s address', async (t) => {
  const server = await Server.start(t);
  const chromium = await browser(t);
  /** A tab for each: a new one takes longer than what is tried in it. */
  const visitAll = async (path) => {
    const visit = await Visit.to(chromium, server.url, { reducedMotion: 'reduce' });
    for (const payload of PAYLOADS) {
      // What differs behind `#` alone would load nothing.
      await visit.page.goto('about:blank');
      await visit.page.goto(`${server.url}/${path}${encodeURIComponent(payload)}`);
      await visit.page.locator('#connection:not([data-state="connecting"])').waitFor();
      assert.deepEqual(await harm(visit), NONE, path + payload);
      assert.deepEqual(visit.wrong, [], path + payload);
    }
  };
  await Promise.all(['?video=', 'embed?video=', '?video=demo#token=', '?video=demo#'].map(visitAll));
});

test('a page that did set markup would be noticed, and even then the policy stops it', async (t) => {
  const server = await Server.start(t);
  const chromium = await browser(t);
  const spoil = (page) =>
    page.evaluate((payload) => {
      const text = document.createElement('li');
      document.querySelector('.comments').append(text);
      text.innerHTML = payload;
    }, PAYLOADS[1]);
  const strict = await (await Visit.to(chromium, server.url)).live();
  await assert.rejects(spoil(strict.page), /TrustedHTML/);
  assert.deepEqual(await harm(strict), NONE);
  const lax = await (await Visit.to(chromium, server.url, { bypassCSP: true })).live();
  await spoil(lax.page);
  const there = await harm(lax);
  assert.equal(there.ran, 1);
  assert.equal(there.foreign.length, 1);
});

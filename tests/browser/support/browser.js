// A real Chromium, and visits to the page with what went wrong in them.
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { root } from '../../sdk/support/server.js';

/** Guards against hanging: ten times what is asked for. */
export const GUARD_MS = 10_000;
/** Where pictures are put, to be looked at. */
export const PICTURES = process.env.CHORUS_SCREENSHOTS ?? join(root, 'target/screenshots');
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** One browser for a test; closed at its end. */
export async function browser(t) {
  const started = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
  t.after(() => started.close());
  return started;
}

/** Somebody with the page open. */
export class Visit {
  /** Exceptions, and requests to other hosts: both have to stay empty. */
  wrong = [];

  /** `options` as for a context of Playwright; `path` from `/` on. `context`: another tab of that browser. */
  static async to(browser, url, { path = '/', context, user, ...options } = {}) {
    const visit = new Visit();
    visit.context = context ?? (await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options }));
    if (user) await visit.context.addInitScript((name) => localStorage.setItem('chorus.user', name), user);
    visit.page = await visit.context.newPage();
    visit.page.setDefaultTimeout(GUARD_MS);
    visit.page.on('pageerror', (error) => visit.wrong.push(error.stack));
    visit.page.on('request', (request) => {
      if (new URL(request.url()).origin !== new URL(url).origin) visit.wrong.push(`asked ${request.url()}`);
    });
    await visit.page.goto(url + path);
    return visit;
  }

  async live() {
    await this.page.locator('#connection[data-state="live"]').waitFor();
    return this;
  }

  /** Rows in the document, oldest first: `{id, text}`. */
  rows() {
    return this.page
      .locator('.comment')
      .evaluateAll((rows) =>
        rows.map((row) => ({ id: row.dataset.commentId, text: row.querySelector('.text').textContent })),
      );
  }

  async texts() {
    return (await this.rows()).map(({ text }) => text);
  }

  comment(text) {
    return this.page.locator('.comment', { has: this.page.locator('.text', { hasText: new RegExp(`^${text}$`) }) });
  }

  async write(text) {
    await this.page.fill('#text', text);
    await this.page.press('#text', 'Enter');
  }

  /** Opens a comment's menu and chooses. */
  async choose(text, entry) {
    const row = this.comment(text);
    await row.hover();
    await row.getByRole('button', { name: 'More' }).click();
    await this.page.getByRole('menuitem', { name: entry, exact: true }).click();
  }
}

/** Waits until it is so; what it is waited for is in the error. */
export async function until(what, is, guardMs = GUARD_MS) {
  for (const end = Date.now() + guardMs; Date.now() < end; await new Promise((done) => setTimeout(done, 20))) {
    if (await is()) return;
  }
  throw new Error(`not in time: ${what}`);
}

/** What is wrong with what was shown, against what was posted, both in order. */
export function judge(posted, shown) {
  const missing = posted.filter((id) => !shown.includes(id));
  const doubled = shown.filter((id, at) => shown.indexOf(id) !== at);
  const inOrder = shown.filter((id) => posted.includes(id));
  const isDisordered = missing.length + doubled.length === 0 && inOrder.some((id, at) => id !== posted[at]);
  return { missing, doubled, isDisordered };
}
export const RIGHT = { missing: [], doubled: [], isDisordered: false };

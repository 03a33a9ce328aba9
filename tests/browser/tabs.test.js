// Ten tabs of one browser: browsers give HTTP/1.1 six connections, so they have to share one stream.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Proxy } from '../sdk/support/proxy.js';
import { Server, post } from '../sdk/support/server.js';
import { GUARD_MS, RIGHT, Visit, browser, judge, until } from './support/browser.js';

const TABS = 10;

test('ten tabs, one stream, all served; the tab that has it may close', async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, () => server.url);
  const chromium = await browser(t);
  const tabs = [await (await Visit.to(chromium, proxy.url, { user: 'Ana' })).live()];
  while (tabs.length < TABS)
    tabs.push(await (await Visit.to(chromium, proxy.url, { context: tabs[0].context })).live());
  const posted = [];
  const say = async (text) => posted.push((await post(server.url, 'demo', text)).id);
  const served = async (open) => {
    for (const tab of open)
      await until('served', async () => (await tab.rows()).some(({ id }) => id === posted.at(-1)), 3 * GUARD_MS);
  };
  for (let nth = 0; nth < 5; nth += 1) await say(`first ${nth}`);
  await served(tabs);
  t.diagnostic(`${TABS} tabs opened ${proxy.streams.length} stream(s)`);
  assert.equal(proxy.streams.length, 1);
  await tabs[0].page.close();
  for (let nth = 0; nth < 5; nth += 1) await say(`second ${nth}`);
  await served(tabs.slice(1));
  assert.equal(proxy.streams.length, 2);
  for (const tab of tabs.slice(1))
    assert.deepEqual(
      judge(
        posted,
        (await tab.rows()).map(({ id }) => id),
      ),
      RIGHT,
    );
  assert.deepEqual(
    tabs.flatMap(({ wrong }) => wrong),
    [],
  );
});

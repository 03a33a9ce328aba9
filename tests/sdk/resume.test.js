// Nothing missed, nothing doubled, whatever happens to connections and servers.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Proxy } from './support/proxy.js';
import { Server, post } from './support/server.js';
import { Viewer, assertExact, faults, until } from './support/viewer.js';

const QUICK = { timing: { backoff: 50 } };
const NO_LIMIT = ['--limits.comments_per_user_per_minute', '0'];

/** A server behind a proxy, and a viewer who has seen two of three comments. */
async function scene(t, options = {}) {
  const server = await Server.start(t, ...NO_LIMIT);
  const proxy = await Proxy.start(t, () => server.url);
  const posted = [];
  const say = async (text = `comment ${posted.length}`) => {
    const { id } = await post(server.url, 'room', text);
    posted.push(id);
    return id;
  };
  await say();
  const viewer = Viewer.watch(t, proxy.url, 'room', { ...QUICK, ...options });
  await viewer.became('live');
  await viewer.sees(await say());
  return { server, proxy, posted, say, viewer };
}

test('a cut connection is continued where it was', async (t) => {
  const { proxy, posted, say, viewer } = await scene(t);
  for (let round = 0; round < 5; round++) {
    proxy.cut();
    await say();
    await say();
    await viewer.sees(await say());
  }
  assertExact(viewer.ids, posted);
  const back = viewer.of('state').filter(({ missed }) => missed > 0);
  assert.ok(back.length > 0, 'told what it missed');
  assert.deepEqual(viewer.of('reset'), []);
  assert.ok(proxy.streams.slice(1).every(({ url }) => url.includes('after=')));
});

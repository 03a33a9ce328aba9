// Behind a proxy that gives a body away only at its end.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Proxy } from './support/proxy.js';
import { Server, post } from './support/server.js';
import { Stub } from './support/stub.js';
import { Viewer, assertExact, until } from './support/viewer.js';

async function scene(t, timing) {
  const server = await Server.start(t, '--limits.comments_per_user_per_minute', '0');
  const proxy = await Proxy.start(t, () => server.url);
  const posted = [];
  const say = async () => {
    const { id } = await post(server.url, 'room', `comment ${posted.length}`);
    posted.push(id);
    return id;
  };
  await say();
  proxy.mode = 'buffer';
  const viewer = Viewer.watch(t, proxy.url, 'room', { timing: { backoff: 50, ...timing } });
  return { server, proxy, posted, say, viewer };
}

test('long polling shows everything, once, and a cut poll is repeated', async (t) => {
  const { proxy, posted, say, viewer } = await scene(t, { firstByte: 500 });
  await viewer.became('polling');
  for (let round = 0; round < 5; round++) {
    await say();
    await viewer.sees(await say());
  }
  proxy.cut();
  await say();
  await viewer.became('polling');
  await viewer.sees(await say());
  assertExact(viewer.ids, posted);
  assert.ok(proxy.streams.slice(1).every(({ url }) => /poll=\d+/.test(url)), 'no stream was tried again');
  // (One of a second at first, so that a quiet room is known to be reached.)
  assert.match(proxy.streams[1].url, /poll=1$/);
  assert.match(proxy.streams.at(-1).url, /poll=25$/);
});

test('later a stream is tried again, and kept when it comes through', async (t) => {
  const { proxy, posted, say, viewer } = await scene(t, { firstByte: 500, polling: 3000 });
  await viewer.became('polling');
  await viewer.sees(await say());
  proxy.mode = 'pass';
  // The poll under way is answered by these, and the next attempts are polls or the stream.
  let isLive = false;
  const saying = (async () => {
    for (; !isLive; await new Promise((done) => setTimeout(done, 200))) await say();
  })();
  await viewer.became('live').finally(() => { isLive = true; });
  await saying;
  await viewer.sees(await say());
  assertExact(viewer.ids, posted);
});

test('5 s without a byte is what it takes', async (t) => {
  const stub = await Stub.start(t);
  // Says nothing to streams, and answers polls.
  stub.open = (stream, after, query) => {
    if (!query.has('poll')) return;
    stream.resume('new', '0');
    if (!after) stream.end();
  };
  const viewer = Viewer.watch(t, stub.url, 'room');
  const began = performance.now();
  await viewer.became('polling');
  t.diagnostic(`polling after ${Math.round(performance.now() - began)} ms`);
  assert.ok(performance.now() - began >= 5000);
});

test('a stream that has begun is not taken for a buffered one when it falls silent', async (t) => {
  const stub = await Stub.start(t);
  const viewer = Viewer.watch(t, stub.url, 'room', { timing: { backoff: 10, silence: 400 } });
  await until(() => stub.requests.length >= 3, 'it is opened anew');
  assert.ok(stub.requests.every(({ url }) => !url.includes('poll=')));
  assert.ok(!viewer.states.includes('polling'));
});

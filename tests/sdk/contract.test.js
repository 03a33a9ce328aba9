// The contract's letter, spoken by a stub: events of every kind, and every way that a stream ends.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { Stub, comment } from './support/stub.js';
import { Viewer, until } from './support/viewer.js';

const QUICK = { timing: { backoff: 10 } };

async function scene(t, options = {}) {
  const stub = await Stub.start(t);
  const viewer = Viewer.watch(t, stub.url, 'room', { ...QUICK, ...options });
  const stream = await until(() => stub.streams[0], 'a stream');
  return { stub, viewer, stream };
}

test('events of every name', async (t) => {
  const { viewer, stream } = await scene(t);
  const told = [
    ['hide', { author: 'troll' }, '1'],
    ['pin', { comment: null }, '2'],
    ['settings', { slow_mode_s: 5, who_can_comment: 'everyone', unique_s: 0 }, '3'],
    ['reactions', { totals: { like: 3 } }],
    ['viewers', { count: 12 }],
    ['leaderboard', { top: [{ id: 'ann', name: 'Ann', score: 5 }] }],
    ['poll', { id: 'p1', question: 'Who wins?', options: ['a', 'b'], totals: [1, 2] }],
    ['skipped', { count: 2, from: '3', to: '5' }],
  ];
  for (const event of told) stream.event(...event);
  stream.event('odds', { home: 1.5 }, '6');
  stream.event('quiz-question', { text: '½?' });
  await until(() => viewer.of('event').length === 2, 'the producer\'s');
  for (const [name, data] of told) assert.deepEqual(viewer.of(name), [data], name);
  assert.deepEqual(viewer.of('event'), [
    { type: 'odds', data: { home: 1.5 }, id: '6' },
    { type: 'quiz-question', data: { text: '½?' }, id: null },
  ]);
});

test('a producer\'s event named like one of ours is told apart', async (t) => {
  const { viewer, stream } = await scene(t);
  stream.event('event', { n: 1 }, '1');
  stream.event('resumed', { n: 2 }, '2');
  await until(() => viewer.of('event').length === 2, 'both');
  assert.deepEqual(viewer.of('event').map(({ type }) => type), ['event', 'resumed']);
});

test('blocks however they are cut', async (t) => {
  const { viewer, stream } = await scene(t);
  const text = comment(1, 'ünï\u2028cödé 👩‍👩‍👧 \\n "quoted": yes');
  const bytes = Buffer.from(`\uFEFFid:1\nevent:comment\ndata: ${JSON.stringify(text)}\n\n:\n\n: a comment line\nevent: comment\ndata: ${JSON.stringify(comment(2))}\n\n:\n\nid: 3\n\n`);
  for (const byte of bytes) {
    stream.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  await until(() => viewer.ids.length === 2, 'both');
  assert.deepEqual(viewer.of('comment'), [text, comment(2)]);
});

test('a block with only an id moves the position; one without leaves it', async (t) => {
  const { stub, viewer, stream } = await scene(t);
  stream.event('comment', comment(1), '1');
  stream.write('id: 2\n\n');
  stream.event('comment', comment(2));
  await viewer.sees(comment(2).id);
  stream.cut();
  const next = await until(() => stub.streams.find((other) => other !== stream), 'the next');
  assert.equal(next.query.get('after'), '2');
  // A comment that went out without a place comes again with one.
  next.event('comment', comment(2), '3');
  next.event('comment', comment(3), '4');
  await viewer.sees(comment(3).id);
  assert.deepEqual(viewer.ids, [1, 2, 3].map((n) => comment(n).id));
});

test('a block that was cut off never was', async (t) => {
  const { stub, viewer, stream } = await scene(t);
  stream.event('comment', comment(1), '1');
  stream.write(`id: 2\nevent: comment\ndata: ${JSON.stringify(comment(2))}\n`);
  await viewer.sees(comment(1).id);
  stream.end();
  const next = await until(() => stub.streams.find((other) => other !== stream), 'the next');
  assert.equal(next.query.get('after'), '1');
  assert.deepEqual(viewer.ids, [comment(1).id]);
});

test('told to come back: after `retry`, as often as it is told', async (t) => {
  const stub = await Stub.start(t);
  let refused = 0;
  stub.open = (stream) => {
    if (refused++ < 5) {
      stream.write('retry: 30\n\n');
      stream.end();
    } else stream.resume('new', '0');
  };
  // (A pause of its own would be a minute.)
  const viewer = Viewer.watch(t, stub.url, 'room', { timing: { backoff: 60_000 } });
  await viewer.became('live');
  assert.equal(refused, 6);
});

for (const [reason, state] of [['ended', 'ended'], ['banned', 'banned'], ['expired', 'expired']]) {
  test(`an end for good: ${reason}`, async (t) => {
    const { stub, viewer, stream } = await scene(t);
    stream.event('end', { reason });
    stream.end();
    await viewer.became(state);
    await new Promise((done) => setTimeout(done, 200));
    assert.equal(stub.requests.length, 1, 'nobody comes back');
    assert.deepEqual(viewer.of('end'), [{ reason }]);
    assert.equal(viewer.states.filter((told) => told === state).length, 1);
  });
}

test('204: it has ended', async (t) => {
  const stub = await Stub.start(t);
  stub.open = (stream) => stream.status(204);
  await Viewer.watch(t, stub.url, 'room', QUICK).became('ended');
});

test('who was skipped at reads no history, who is on a tier asks for it each time', async (t) => {
  const { stub, viewer, stream } = await scene(t, { rate: 5 });
  stream.event('skipped', { count: 100, from: '0', to: '100' });
  await until(() => viewer.of('skipped').length, 'skipped');
  stream.cut();
  const next = await until(() => stub.streams.find((other) => other !== stream), 'the next');
  assert.equal(next.query.get('rate'), '5');
  assert.ok(stub.requests.every(({ url }) => url.includes('/stream?')));
});

test('live is told once what was missed is shown', async (t) => {
  const { stub, viewer, stream } = await scene(t);
  stub.open = (stream) => {
    stream.resume('continued', '0', '3', { replayed: 3 });
    stream.event('comment', comment(1), '1');
    stream.event('comment', comment(2), '2');
  };
  stream.cut();
  await viewer.sees(comment(2).id);
  assert.equal(viewer.room.state.state, 'catching-up');
  stub.streams.at(-1).event('delete', { id: comment(9).id }, '3');
  await viewer.became('live');
  assert.deepEqual(viewer.room.state, { state: 'live', missed: 2 });
});

test('what is hidden or deleted never comes back, from the stream or from history', async (t) => {
  const { stub, viewer, stream } = await scene(t);
  stream.event('comment', comment(1, 'bad', 'troll'), '1');
  stream.event('comment', comment(2), '2');
  stream.event('delete', { id: comment(2).id }, '3');
  stream.event('hide', { author: 'troll' }, '4');
  // Late copies, and a history page that was read before.
  stream.event('comment', comment(2), '5');
  stream.event('comment', comment(1, 'bad', 'troll'), '6');
  // After the ban was lifted.
  stream.event('comment', comment(3, 'sorry', 'troll'), '7');
  await viewer.sees(comment(3).id);
  assert.deepEqual(viewer.ids, [1, 2, 3].map((n) => comment(n).id));
  stub.answers['GET comments'] = [200, { comments: [3, 2, 1].map((n) => comment(n, '', n === 2 ? 'ann' : 'troll')), next: null, cursor: '1' }];
  const { comments } = await viewer.room.history();
  assert.deepEqual(comments.map(({ id }) => id), [comment(3).id]);
  stub.answers[`GET comments/${comment(2).id}`] = [200, comment(2)];
  assert.equal(await viewer.room.one(comment(2).id), null);
});

/** A comment of minute `n`. */
const minute = (n, author = 'ann') => {
  const at = (1_700_000_000_000 + n * 60_000).toString(16).padStart(12, '0');
  return { ...comment(0, `minute ${n}`, author), id: `${at.slice(0, 8)}-${at.slice(8)}-7000-8000-000000000000` };
};

/** Cuts the stream; the next one is a reset. */
async function reset({ stub, viewer, stream }) {
  stub.open = (next) => next.resume('reset', '9', '9', { wait_ms: 0 });
  stream.cut();
  await until(() => viewer.of('reset').length, 'reset');
  return viewer.of('reset')[0];
}

test('what was posted here while away does not hide what others posted', async (t) => {
  const all = await scene(t, { user: 'me' });
  const { stub, viewer, stream } = all;
  stream.event('comment', minute(0), '1');
  await viewer.sees(minute(0).id);
  stub.answers['POST comments'] = [201, minute(10, 'me')];
  await viewer.room.post('minute 10');
  stub.answers['GET comments'] = [200, { comments: [minute(10, 'me'), minute(5), minute(2), minute(0)], next: null, cursor: '9' }];
  assert.deepEqual(await reset(all), { recovered: 2, complete: true });
  assert.deepEqual(viewer.ids, [0, 10, 2, 5].map((n) => minute(n).id));
});

test('history of a room that was empty: the newest page, and told when there is more', async (t) => {
  const all = await scene(t);
  all.stub.answers['GET comments'] = [200, { comments: [minute(2), minute(1)], next: minute(1).id, cursor: '9' }];
  assert.deepEqual(await reset(all), { recovered: 2, complete: false });
});

test('memory is bounded: of 20,000 comments the oldest are forgotten, the newest are not', async (t) => {
  const { viewer, stream } = await scene(t);
  const many = (n) => ({ ...comment(0), id: `0190163d-${n.toString(16).padStart(4, '0')}-7000-8000-000000000000` });
  for (let n = 1; n <= 20_000; n++) stream.event('comment', many(n), `${n}`);
  for (let n = 15_001; n <= 20_000; n++) stream.event('comment', many(n), `${n}`);
  // One that is forgotten is what a server must not send again; here it shows the bound.
  stream.event('comment', many(1), '20001');
  stream.event('comment', many(20_001), '20002');
  await viewer.sees(many(20_001).id);
  assert.equal(viewer.ids.length, 20_002);
});

test('a line without end is given up', async (t) => {
  const { stub, viewer, stream } = await scene(t);
  stream.write(`data: ${'x'.repeat(1_100_000)}`);
  await until(() => stub.streams.some((other) => other !== stream), 'another stream');
  await viewer.became('live');
});

test('a listener that throws stops nobody, and a listener can be taken away', async (t) => {
  const stub = await Stub.start(t);
  stub.open = (stream) => {
    stream.resume('new', '0');
    stream.event('viewers', { count: 1 });
    stream.event('viewers', { count: 2 });
    stream.event('end', { reason: 'ended' });
  };
  const child = promisify(execFile)(process.execPath, [new URL('support/throwing.js', import.meta.url).pathname, stub.url]);
  const { stdout } = await child;
  const lines = stdout.trim().split('\n');
  assert.deepEqual(lines.filter((line) => line !== 'uncaught mine'), ['heard 1', 'ended']);
  assert.equal(lines.filter((line) => line === 'uncaught mine').length, 2, 'and it is told');
});

test('reactions, stats and votes', async (t) => {
  const { stub, viewer: { room } } = await scene(t);
  stub.answers = {
    'POST reactions': [202], 'PUT polls/p1/vote': [202],
    'GET stats': [200, { comments: 1, viewers: 2, views: 3, reactions: { like: 4 } }],
  };
  await room.react('like', 3);
  await room.vote('p1', 1);
  assert.equal((await room.stats()).views, 3);
  const [reaction, vote] = stub.requests.filter(({ body }) => body);
  assert.deepEqual(reaction.body, { kind: 'like', count: 3 });
  assert.ok(reaction.headers['idempotency-key']);
  assert.deepEqual(vote.body, { option: 1 });
});

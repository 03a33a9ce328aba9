// The comments that a page holds, against the whole room, through random journeys of a reader.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HELD_MAX, Timeline } from '../../gateway/web/page/timeline.js';

const SEED = Number(process.env.CHORUS_SEED ?? 20261129);
const PAGE = 50;

/** The same numbers for the same seed (mulberry32). */
function chance(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Why the timeline is not one unbroken stretch of the room, as far as it says; `null`: it is. */
function fault(room, timeline) {
  const ids = timeline.items.map(({ id }) => id);
  if (ids.length > HELD_MAX) return `${ids.length} held`;
  if (ids.length === 0) return null;
  const from = room.findIndex(({ id }) => id === ids[0]);
  const stretch = room.slice(from, from + ids.length).map(({ id }) => id);
  if (stretch.join() !== ids.join()) return 'not a stretch of the room';
  const isAtEnd = room.at(-1).id === ids.at(-1);
  return isAtEnd === (timeline.beyond === 0) ? null : `beyond ${timeline.beyond}, ${isAtEnd ? 'at' : 'not at'} the end`;
}

/** History's answers. */
const before = (room, id) =>
  room
    .slice(
      0,
      room.findIndex((comment) => comment.id === id),
    )
    .slice(-PAGE)
    .reverse();
function after(room, id) {
  const rest = room.slice(room.findIndex((comment) => comment.id === id) + 1);
  return [rest.slice(0, PAGE), rest.length <= PAGE];
}

test(`every journey holds one stretch of the room (seed ${SEED})`, () => {
  const pick = chance(SEED);
  for (let journey = 0; journey < 60; journey += 1) {
    const room = [];
    const timeline = new Timeline();
    let isFollowing = true;
    let said = 0;
    const say = (count) => {
      for (let nth = 0; nth < count; nth += 1) {
        const comment = { id: `c${(said += 1)}`, author: { id: `a${pick(5)}` } };
        room.push(comment);
        timeline.add(comment, isFollowing);
      }
    };
    say(1 + pick(300));
    for (let step = 0; step < 80; step += 1) {
      const { items } = timeline;
      switch (pick(6)) {
        case 0:
          say(pick(pick(4) === 0 ? 900 : 60));
          break;
        case 1:
          isFollowing = false;
          if (items[0]) timeline.prepend(before(room, items[0].id));
          break;
        case 2: {
          isFollowing = false;
          const [page, isLast] = after(room, items.at(-1).id);
          // More may come while the answer is under way.
          say(pick(3) === 0 ? pick(500) : 0);
          if (timeline.items.at(-1) === items.at(-1)) timeline.append(page, isLast);
          break;
        }
        case 3:
          isFollowing = true;
          timeline.moveToEnd();
          break;
        case 4: {
          isFollowing = false;
          const at = pick(room.length);
          timeline.moveTo(
            [...before(room, room[at].id).reverse(), room[at], ...after(room, room[at].id)[0]],
            at + PAGE >= room.length - 1 ? 0 : 1,
          );
          break;
        }
        default: {
          const gone = items[pick(items.length)];
          if (!gone || room.length < 3 || gone === room.at(-1)) break;
          room.splice(room.indexOf(gone), 1);
          timeline.remove(gone.id);
        }
      }
      assert.equal(fault(room, timeline), null, `journey ${journey}, step ${step}`);
    }
  }
});

test('the check notices a hole, a repeat, and a wrong end', () => {
  const room = Array.from({ length: 9 }, (_, nth) => ({ id: `c${nth}`, author: { id: 'a' } }));
  const held = (items, beyond) => fault(room, { items, beyond });
  assert.equal(held(room.slice(2, 5), 4), null);
  assert.ok(held([room[1], room[3]], 5));
  assert.ok(held([room[1], room[1]], 7));
  assert.ok(held(room.slice(2, 5), 0));
  assert.ok(held(room.slice(2), 1));
});

test('a pending comment keeps its place when it is acknowledged', () => {
  const timeline = new Timeline();
  const author = { id: 'a' };
  timeline.add({ id: 'p1', author, pending: true }, true);
  timeline.add({ id: 'c1', author }, true);
  assert.equal(timeline.add({ id: 'c0', author, replaces: 'p1' }, true), false);
  assert.deepEqual(
    timeline.items.map(({ id }) => id),
    ['c0', 'c1'],
  );
  assert.equal(timeline.add({ id: 'c0', author }, true), false);
});

test('what history had before its turn in the stream stands where the stream has it, once', () => {
  const timeline = new Timeline();
  const comment = (id, more) => ({ id, author: { id: 'a' }, ...more });
  const held = () => timeline.items.map(({ id }) => id).join(' ');
  for (const id of ['3', '5']) timeline.add(comment(id), true);
  timeline.add(comment('p', { pending: true }), true);
  // Ids are older than places: 4 is on its way, and so is our own, 6; the stream left 2 behind.
  timeline.prepend([comment('6'), comment('4'), comment('2')]);
  assert.equal(timeline.add(comment('4'), true), true);
  assert.equal(timeline.add(comment('6', { replaces: 'p' }), true), false);
  assert.equal(held(), '2 3 5 6 4');
  assert.equal(timeline.add(comment('4'), true), false);
  assert.equal(held(), '2 3 5 6 4');
});

test('who is hidden stays out, whatever brings them', () => {
  const timeline = new Timeline(new Set(['m']));
  const comment = (id, author) => ({ id, author: { id: author } });
  timeline.add(comment('1', 'a'), true);
  assert.equal(timeline.add(comment('2', 'm'), true), false);
  timeline.prepend([comment('0', 'm')]);
  timeline.append([comment('3', 'm')], true);
  assert.deepEqual(
    timeline.items.map(({ id }) => id),
    ['1'],
  );
});

// Somebody who watches by the SDK, and the judge of what they saw.
import assert from 'node:assert/strict';
import { watch } from '../../../gateway/web/chorus.js';

const PATIENCE_MS = 60_000;
export const NAMES = ['comment', 'delete', 'hide', 'pin', 'settings', 'reactions', 'viewers', 'leaderboard', 'poll', 'skipped', 'reset', 'state', 'end', 'event'];

/** Waits until something is so; the bound is for what hangs, not for what is slow. */
export async function until(is, what = is.toString(), patience = PATIENCE_MS) {
  for (const end = Date.now() + patience; ;) {
    const result = await is();
    if (result) return result;
    if (Date.now() > end) throw new Error(`not within ${patience} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

export class Viewer {
  /** All events: `{name, data}`. */
  events = [];

  constructor(room) {
    this.room = room;
    for (const name of NAMES) room.on(name, (data) => this.events.push({ name, data }));
  }

  /** Watches through `url`, until the test's end; `by` another SDK, if need be. */
  static watch(t, url, video, options = {}, by = watch) {
    const room = by(video, { stream: url, api: url, ...options });
    t.after(() => room.close());
    return new Viewer(room);
  }

  of(name) {
    return this.events.filter((event) => event.name === name).map(({ data }) => data);
  }

  /** Comments shown, pending ones left out. */
  get ids() {
    return this.of('comment').filter(({ pending }) => !pending).map(({ id }) => id);
  }

  get states() {
    return this.of('state').map(({ state }) => state);
  }

  became(state) {
    return until(() => this.room.state.state === state, `${state} (is ${JSON.stringify(this.room.state)})`);
  }

  sees(id) {
    return until(() => this.ids.includes(id), `sees ${id}`);
  }
}

/** What is wrong with what was shown, given what there was, in order: nothing missed, nothing doubled. */
export function faults(shown, all) {
  const seen = new Set();
  const wrong = [];
  let last = -1;
  for (const id of shown) {
    const index = all.indexOf(id);
    if (seen.has(id)) wrong.push(`doubled: ${index}`);
    else if (index < 0) wrong.push(`never posted: ${id}`);
    else if (index < last) wrong.push(`${index} after ${last}`);
    seen.add(id);
    last = Math.max(last, index);
  }
  all.forEach((id, index) => seen.has(id) || wrong.push(`missing: ${index}`));
  return wrong;
}

export const assertExact = (shown, all) => assert.deepEqual(faults(shown, all), []);

// A browser: tabs, and the locks that they ask for.
import { Worker } from 'node:worker_threads';
import { NAMES, Viewer } from './viewer.js';

export class Browser {
  #held = new Map(); // name → {tab, lock}
  #queue = []; // {name, tab, lock}
  tabs = [];

  constructor(t, url, video) {
    this.t = t;
    this.url = url;
    this.video = video;
  }

  /** `hasLocks`: `yes`, `no`, or `denied` as in a sandboxed frame. */
  tab(options = {}, hasLocks = 'yes') {
    const tab = new Tab(this, { ...options, timing: { backoff: 50, ...options.timing } }, hasLocks);
    this.tabs.push(tab);
    this.t.after(() => tab.crash());
    return tab;
  }

  /** Who holds a lock. */
  get leaders() {
    return [...this.#held.values()].map(({ tab }) => tab);
  }

  request(tab, lock, name, steal) {
    const holder = this.#held.get(name);
    if (steal) {
      holder?.tab.worker.postMessage({ lock: holder.lock, what: 'stolen' });
      this.#grant(name, tab, lock);
    } else if (holder) this.#queue.push({ name, tab, lock });
    else this.#grant(name, tab, lock);
  }

  #grant(name, tab, lock) {
    this.#held.set(name, { tab, lock });
    tab.worker.postMessage({ lock, what: 'granted' });
  }

  /** `lock` of a tab's, or all of them. */
  release(tab, lock) {
    const isIt = (other) => other.tab === tab && (!lock || other.lock === lock);
    this.#queue = this.#queue.filter((other) => !isIt(other));
    for (const [name, holder] of this.#held) {
      if (!isIt(holder)) continue;
      this.#held.delete(name);
      const next = this.#queue.findIndex((other) => other.name === name);
      if (next >= 0) this.#grant(name, ...Object.values(this.#queue.splice(next, 1)[0]).slice(1));
    }
  }
}

class Tab extends Viewer {
  #asked = new Map();

  constructor(browser, options, hasLocks) {
    super({ on() {}, state: { state: 'connecting' } });
    const workerData = { video: browser.video, options: { stream: browser.url, api: browser.url, ...options }, names: NAMES, hasLocks };
    this.worker = new Worker(new URL('tab.js', import.meta.url), { workerData });
    this.worker.on('message', ({ request, name, steal, release, event, state, id, answer }) => {
      if (request) browser.request(this, request, name, steal);
      if (release) browser.release(this, release);
      if (answer) this.#asked.get(id)(answer);
      if (event) {
        this.events.push(event);
        this.room.state = state;
      }
    });
    this.worker.on('exit', () => browser.release(this));
  }

  /** Calls a method of the room's: `{done}` or `{status}`. */
  call(act, ...args) {
    const id = this.#asked.size;
    this.worker.postMessage({ act, id, args });
    return new Promise((resolve) => this.#asked.set(id, resolve));
  }

  /** Ends at once, whatever it is doing. */
  crash() {
    return this.worker.terminate();
  }

  /** Does nothing, as a tab that the system has suspended, until the result is called. */
  freeze() {
    const until = new Int32Array(new SharedArrayBuffer(4));
    this.worker.postMessage({ until });
    return () => {
      Atomics.store(until, 0, 1);
      Atomics.notify(until, 0);
    };
  }
}

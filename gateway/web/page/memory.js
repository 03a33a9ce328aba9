// What this browser remembers, for good or for this tab. A frame may be refused storage: then until
// the page is closed.

const PREFIX = 'chorus.';

class Memory {
  #storage;
  #fallback = new Map();

  /** `storage()` may throw. */
  constructor(storage) {
    this.#storage = storage;
  }

  recall(key) {
    try {
      return this.#storage().getItem(PREFIX + key);
    } catch {
      return this.#fallback.get(key) ?? null;
    }
  }

  /** An empty value forgets; false: it is kept no longer than the page. */
  remember(key, value) {
    try {
      if (value) this.#storage().setItem(PREFIX + key, value);
      else this.#storage().removeItem(PREFIX + key);
      return true;
    } catch {
      this.#fallback.set(key, value || null);
      return false;
    }
  }

  /** A list of strings, newest first; what is not one (another version, a hand) counts as none. */
  recallList(key) {
    try {
      const list = JSON.parse(this.recall(key) ?? '[]');
      return Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : [];
    } catch {
      return [];
    }
  }

  rememberList(key, list, max) {
    this.remember(key, JSON.stringify([...new Set(list)].slice(0, max)));
  }
}

export const forGood = new Memory(() => localStorage);
export const forThisTab = new Memory(() => sessionStorage);

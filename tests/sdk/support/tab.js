// A tab: a thread of its own, which can be frozen or ended at any instant. BroadcastChannel is
// Node's; Web Locks, which Node 20 lacks, are asked of the browser (browser.js).
import { parentPort, workerData } from 'node:worker_threads';

const waiting = new Map();
let count = 0;

const locks = {
  request(name, { steal = false, signal }, callback) {
    return new Promise((resolve, reject) => {
      const lock = ++count;
      const abort = () => {
        parentPort.postMessage({ release: lock });
        waiting.delete(lock);
        reject(new DOMException('aborted', 'AbortError'));
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener('abort', abort);
      waiting.set(lock, {
        granted: async () => {
          signal?.removeEventListener('abort', abort);
          try {
            resolve(await callback());
          } finally {
            waiting.delete(lock);
            parentPort.postMessage({ release: lock });
          }
        },
        stolen: () => reject(new DOMException('stolen', 'AbortError')),
      });
      parentPort.postMessage({ request: lock, name, steal });
    });
  },
};
Object.defineProperty(globalThis, 'navigator', { value: { locks: { yes: locks, no: undefined, denied: { request: () => Promise.reject(new DOMException('not here', 'SecurityError')) } }[workerData.hasLocks] } });

const { watch } = await import('../../../gateway/web/chorus.js');
const room = watch(workerData.video, workerData.options);
for (const name of workerData.names) {
  room.on(name, (data) => parentPort.postMessage({ event: { name, data }, state: room.state }));
}

parentPort.on('message', async ({ lock, what, act, id, args, until }) => {
  if (lock) return waiting.get(lock)?.[what]();
  if (until) return Atomics.wait(until, 0, 0);
  const answer = await Promise.resolve(room[act](...args)).then((done) => ({ done }), ({ status }) => ({ status }));
  parentPort.postMessage({ answer, id });
});

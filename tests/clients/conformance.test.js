// Others' clients get the same events, and exactly the rest when they were cut off in the middle.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Proxy } from '../sdk/support/proxy.js';
import { Server, root } from '../sdk/support/server.js';
import { until } from '../sdk/support/viewer.js';

const here = new URL('.', import.meta.url).pathname;
const CLIENTS = {
  'npm eventsource': [process.execPath, `${here}eventsource.js`],
  'PyPI httpx-sse': [`${root}target/python-clients/bin/python`, `${here}httpx_sse_viewer.py`],
  'Rust eventsource-stream': [`${root}target/debug/examples/eventsource_stream`],
  curl: ['bash', `${here}curl.sh`],
};

class Client {
  events = [];
  errors = '';

  constructor(t, [program, ...args], url) {
    // A group of its own, so that curl ends with its script.
    const child = spawn(program, [...args, url], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    child.on('error', (error) => { this.errors += error.message; });
    child.on('exit', (code) => { this.errors += `ended: ${code}`; });
    child.stderr.on('data', (text) => { this.errors += text; });
    createInterface({ input: child.stdout }).on('line', (line) => this.events.push(JSON.parse(line)));
    t.after(() => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch { /* ended before */ }
    });
  }

  /** What it was shown in order. Verdicts on its connections and how many watch are its own. */
  get shown() {
    return this.events.filter(({ type }) => !['resume', 'viewers'].includes(type));
  }

  got(count) {
    return until(() => this.shown.length >= count, `${count} events; it said: ${this.errors}`).catch((error) => {
      throw new Error(`${error.message}; got ${JSON.stringify(this.events)}, said ${this.errors}`);
    });
  }
}

/** Where what was shown is not what is right: `[index, shown, right]`. */
const differences = (shown, right) => Array.from({ length: Math.max(shown.length, right.length) }, (_, i) => [i, shown[i], right[i]])
  .filter(([, one, other]) => !isDeepStrictEqual(one, other));

async function scene(t) {
  const server = await Server.start(t, '--limits.comments_per_user_per_minute', '0');
  const ask = async (method, path, body) => {
    const response = await fetch(`${server.url}/v1/videos/room/${path}`, {
      method, body: body && JSON.stringify(body), headers: { 'Content-Type': 'application/json', 'X-Chorus-User': 'ann' },
    });
    const text = await response.text();
    assert.ok(response.ok, text);
    return text && JSON.parse(text);
  };
  const say = (text, reply_to) => ask('POST', 'comments', { text, reply_to });
  const forget = ({ id }) => ask('DELETE', `comments/${id}`);
  return { server, say, forget };
}

/** All of it before the cut, while they are away, and after. */
const story = ({ say, forget }) => {
  const told = [];
  const comment = async (text, reply) => {
    const made = await say(text, reply);
    told.push({ type: 'comment', data: made });
    return made;
  };
  let doomed;
  let answered;
  return {
    told,
    async before() {
      doomed = await comment('the first');
      answered = await comment('two lines:\nid: 1\n\nevent: x');
      await comment('👩‍👩‍👧 é "quoted" \\ back <b>bold</b> \u2028 שלום');
    },
    async meanwhile() {
      await comment('a reply', answered.id);
      await forget(doomed);
      told.push({ type: 'delete', data: { id: doomed.id } });
      // Nobody saw this one, and nobody will.
      const unseen = await say('never to be seen');
      await forget(unseen);
      told.push({ type: 'delete', data: { id: unseen.id } });
    },
    after: () => comment('the last'),
  };
};

test('the same events for all, through a cut in the middle', async (t) => {
  const { server, ...acts } = await scene(t);
  const watchers = [];
  for (const [name, command] of Object.entries(CLIENTS)) {
    const proxy = await Proxy.start(t, () => server.url);
    watchers.push({ name, proxy, client: new Client(t, command, `${proxy.url}/v1/videos/room/stream?recent=0`) });
  }
  const all = (count) => Promise.all(watchers.map(({ client }) => client.got(count)));
  await Promise.all(watchers.map(({ client, name }) => until(() => client.events.length, `${name} is there: ${client.errors}`)));
  const { told, ...parts } = story(acts);
  await parts.before();
  await all(told.length);
  for (const { proxy } of watchers) {
    proxy.mode = 'refuse';
    proxy.cut();
  }
  await parts.meanwhile();
  for (const { proxy } of watchers) proxy.mode = 'pass';
  await all(told.length);
  await parts.after();
  await all(told.length);

  // The texts are what was answered; the positions are the stream's, and the same for all.
  const [{ client: first }] = watchers;
  const right = told.map(({ type, data }, i) => ({ type, id: first.shown[i].id, data: JSON.stringify(data) }));
  for (const { name, client, proxy } of watchers) {
    assert.deepEqual(differences(client.shown, right), [], name);
    const verdicts = client.events.filter(({ type }) => type === 'resume').map(({ data }) => JSON.parse(data).status);
    assert.deepEqual(verdicts, ['new', 'continued'], name);
    const back = proxy.requests.at(-1).headers['last-event-id'];
    assert.equal(back, right[2].id, `${name} says where it was`);
  }
  t.diagnostic(`${right.length} events each to ${watchers.map(({ name }) => name).join(', ')}`);
});

test('negative control: an event taken out, doubled or changed on the way is noticed', async (t) => {
  const { server, ...acts } = await scene(t);
  for (const edit of [() => null, (block) => `${block}\n\n${block}`, (block) => block.replace('lines', 'rows')]) {
    const proxy = await Proxy.start(t, () => server.url);
    proxy.edit = (block) => block.includes('two lines') ? edit(block) : block;
    const client = new Client(t, CLIENTS['npm eventsource'], `${proxy.url}/v1/videos/room/stream?recent=0`);
    await until(() => client.events.length, 'it is there');
    const { told, ...parts } = story(acts);
    await parts.before();
    await parts.after();
    await until(() => client.shown.at(-1)?.data.includes('the last'), 'the last');
    const right = told.map(({ type, data }, i) => ({ type, id: client.shown[i]?.id, data: JSON.stringify(data) }));
    assert.notDeepEqual(differences(client.shown, right), []);
  }
});

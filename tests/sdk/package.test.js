// What is published and served: one small module without dependencies, typed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Server, post, root } from './support/server.js';
import { assertExact, until } from './support/viewer.js';

const run = promisify(execFile);
const web = join(root, 'gateway/web');
const source = readFileSync(join(web, 'chorus.js'), 'utf8');
const tsc = join(root, 'tests/sdk/node_modules/.bin/tsc');

const folder = (t) => {
  const path = mkdtempSync(join(tmpdir(), 'chorus-sdk-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

test('as served: less than 6 KB gzipped, no dependency, and it works', async (t) => {
  const server = await Server.start(t);
  const response = await fetch(`${server.url}/chorus.js`);
  assert.match(response.headers.get('Content-Type'), /^text\/javascript/);
  const served = await response.text();
  const size = gzipSync(served, { level: 9 }).length;
  t.diagnostic(`${size} bytes gzipped as served; ${gzipSync(source, { level: 9 }).length} as written`);
  assert.ok(size < 6000, `${size} bytes`);
  assert.doesNotMatch(served, /\bimport\s*[({"'*]|\bfrom\s*['"]|\brequire\(/);
  const file = join(folder(t), 'chorus.mjs');
  writeFileSync(file, served);
  const { watch } = await import(file);
  const room = watch('room', { stream: server.url, api: server.url, user: 'ann' });
  t.after(() => room.close());
  const ids = [];
  room.on('comment', ({ id, pending }) => pending || ids.push(id));
  const { id } = await room.post('hello');
  const { id: next } = await post(server.url, 'room', 'hello too');
  await until(() => ids.includes(next), 'the next comment');
  assertExact(ids, [id, next]);
  const types = await fetch(`${server.url}/chorus.d.ts`);
  assert.equal(await types.text(), readFileSync(join(web, 'chorus.d.ts'), 'utf8'));
});

test('as published: the module and its types', async () => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: web });
  const [{ name, version, files }] = JSON.parse(stdout);
  assert.equal(name, 'chorus-live');
  assert.deepEqual(files.map(({ path }) => path).sort(), ['README.md', 'chorus.d.ts', 'chorus.js', 'package.json']);
  const workspace = readFileSync(join(root, 'Cargo.toml'), 'utf8');
  assert.equal(version, workspace.match(/^version = "(.*)"/m)[1], 'the version of the server that it comes with');
  const { dependencies, peerDependencies, exports, license } = JSON.parse(readFileSync(join(web, 'package.json'), 'utf8'));
  assert.deepEqual([dependencies, peerDependencies, license], [undefined, undefined, workspace.match(/^license = "(.*)"/m)[1]]);
  assert.deepEqual(exports['.'], { types: './chorus.d.ts', default: './chorus.js' });
});

/** What the compiler says of a folder that holds the types, the module as `made.js`, and `check`. */
async function compile(t, check, made = source) {
  const path = folder(t);
  cpSync(join(web, 'chorus.d.ts'), join(path, 'chorus.d.ts'));
  writeFileSync(join(path, 'made.js'), made);
  writeFileSync(join(path, 'check.ts'), check);
  const compilerOptions = {
    allowJs: true, noEmit: true, module: 'nodenext', target: 'esnext', strict: true, types: [], lib: ['esnext', 'dom', 'dom.iterable'],
  };
  writeFileSync(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['check.ts', 'made.js'] }));
  writeFileSync(join(path, 'package.json'), '{"type":"module"}');
  return run(tsc, ['-p', path]).then(() => '', ({ stdout }) => stdout);
}

const SAME = `
  import * as said from './chorus.js';
  import * as made from './made.js';
  const same: typeof said.watch = made.watch;
  const names: Record<keyof typeof said, unknown> = made;
`;

test('the module is what its types say', async (t) => {
  assert.equal(await compile(t, SAME), '');
  // Negative controls: a method that is not there, or is something else, is noticed.
  assert.match(await compile(t, SAME, source.replace('unpin:', 'unPin:')), /unpin/);
  assert.match(await compile(t, SAME, source.replace('export class ChorusError', 'class ChorusError')), /ChorusError/);
  assert.match(await compile(t, SAME, source.replace('    video,\n', '    video: 5,\n')), /video/);
});

test('the types are good to write against', async (t) => {
  const use = `
    import { watch, ChorusError } from './chorus.js';
    const room = watch('final', { token: async () => null, share: false, tickets: true, timing: { silence: 1 } });
    room.on('comment', ({ text, author, pending }) => [text.length, author.name, pending]);
    room.on('state', (state) => { if (state.state === 'live') state.missed.toFixed(); });
    const off: () => void = room.on('event', ({ type, data }) => [type, data]);
    const error = new ChorusError({ status: 429 });
    error.errors.map(({ field, why }) => field + why);
  `;
  assert.equal(await compile(t, use), '');
  assert.match(await compile(t, `${use} room.on('coment', () => {});`), /coment/);
  assert.match(await compile(t, `${use} room.post(5);`), /number/);
});

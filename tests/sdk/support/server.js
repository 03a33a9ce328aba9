// A real chorus process: `all`, on a data folder of its own that outlives its deaths.
import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';

export const root = new URL('../../../', import.meta.url).pathname;
const binary = process.env.CHORUS_BIN ?? join(root, 'target/debug/chorus');
// What tells tests where things are is no configuration of the server's.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CHORUS_')));
const START_MS_MAX = 60_000;

export class Server {
  #process;
  #args;
  #folder = mkdtempSync(join(tmpdir(), 'chorus-sdk-'));

  /** Starts one; `t` is the test, at whose end it is killed. Further flags as on the command line. */
  static async start(t, ...args) {
    const server = new Server();
    server.#args = args;
    t.after(() => server.#remove());
    await server.up();
    return server;
  }

  async up() {
    const args = ['all', '--listen', '127.0.0.1:0', '--internal_listen', '127.0.0.1:0', ...this.#args];
    const child = spawn(binary, args, { cwd: this.#folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    this.url = await new Promise((resolve, reject) => {
      let said = '';
      const late = setTimeout(() => reject(new Error(`chorus says nothing of its address:\n${said}`)), START_MS_MAX);
      child.stderr.on('data', (text) => { said += text; });
      child.stdout.on('data', (text) => {
        said += text;
        // Said once it is listened to.
        const address = said.match(/public +(https?:[^ ]+)\/\n/);
        if (!address) return;
        clearTimeout(late);
        resolve(address[1]);
      });
      child.on('exit', (code) => reject(new Error(`chorus ended (${code}):\n${said}`)));
    });
  }

  async #end(signal) {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  kill() {
    return this.#end('SIGKILL');
  }

  /** As in a rolling update. */
  stop() {
    return this.#end('SIGTERM');
  }

  async #remove() {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A token signed by `chorus token`. */
export const token = (secret, ...args) => execFileSync(binary, ['token', ...args], {
  env: { ...env, CHORUS_AUTH__HS256_SECRET: secret },
}).toString().trim();

/** Posts as somebody else than the SDK: its comment, or throws. */
export async function post(url, video, text, user = 'someone') {
  const response = await fetch(`${url}/v1/videos/${video}/comments`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Chorus-User': user },
    body: JSON.stringify({ text }),
  });
  if (response.status >= 300) throw new Error(`${response.status}: ${await response.text()}`);
  return response.json();
}

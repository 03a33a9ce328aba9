// Speaks API.md's letter, for what a real server says seldom, late, or not yet.
import http from 'node:http';
import { once } from 'node:events';

export class Stub {
  /** Streams now open: `{url, headers, write(text), event(name, data, id), end()}`. */
  streams = [];
  /** Requests so far: `{method, url, headers, body}`. */
  requests = [];
  /** What opens a stream; replace it to refuse. */
  open = (stream, after) => stream.resume(after ? 'continued' : 'new', after ?? '0');
  /** Answers to the API by `METHOD path-under-the-video`: `[status, body, headers?]`, or a function of the request. */
  answers = {};

  static async start(t) {
    const stub = new Stub();
    const server = http.createServer((request, response) => stub.#serve(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    stub.url = `http://127.0.0.1:${server.address().port}`;
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return stub;
  }

  async #serve(request, response) {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, headers, url } = request;
    const asked = { method, url, headers, body: body && JSON.parse(body) };
    this.requests.push(asked);
    const { pathname, searchParams } = new URL(url, this.url);
    const what = pathname.replace(/^\/v1\/videos\/[^/]*\//, '');
    if (what === 'stream') return this.#stream(asked, response, searchParams);
    const given = this.answers[`${method} ${what}`] ?? [404, { status: 404, title: 'Not found' }];
    const [status, answer, more] = typeof given === 'function' ? given(asked) : given;
    response.writeHead(status, { 'Content-Type': 'application/json', ...more }).end(answer && JSON.stringify(answer));
  }

  #stream(asked, response, query) {
    const write = (text) => {
      if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(text);
    };
    const event = (name, data, id) => write(`${id ? `id: ${id}\n` : ''}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    const resume = (status, from, to = from, more = {}) => write(
      `:\nretry: 20\nevent: resume\nid: ${from}\ndata: ${JSON.stringify({ status, from, to, replayed: 0, ...more })}\n\n`);
    const stream = {
      ...asked, query, write, event, resume, end: () => response.end(), cut: () => response.destroy(),
      status: (code) => response.writeHead(code).end(),
    };
    this.streams.push(stream);
    response.on('close', () => this.streams.splice(this.streams.indexOf(stream), 1));
    this.open(stream, query.get('after'), query);
  }
}

/** A comment of the stub's. Ids sort by `n`. */
export const comment = (n, text = `comment ${n}`, author = 'ann') => ({
  id: `0190163d-8694-7${String(n).padStart(3, '0')}-aea5-966c26f8ad91`,
  video: 'room', author: { id: author, name: author }, text, created_at: '2026-11-29T12:00:00.000Z',
});

// A proxy in front of a server, which does what proxies do to streams, and worse.
import http from 'node:http';
import { once } from 'node:events';

export class Proxy {
  #sockets = new Set();
  /**
   * Of requests whose path holds `only`: `pass`, a status, `buffer` (all of a body at its end), `refuse`
   * (no answer), `lose-answer` (asked, and not told). */
  mode = 'pass';
  only = '';
  /** Changes a stream's blocks; `null` takes one away. */
  edit = null;
  /** As a browser's jar: keeps the cookie of an answer, and brings it along. */
  keepsCookies = false;
  #cookie;
  /** What was asked: `{method, url, headers}`. */
  requests = [];

  /** `upstream()` is where requests go, asked anew for each. */
  static async start(t, upstream) {
    const proxy = new Proxy();
    proxy.upstream = upstream;
    const server = http.createServer((request, response) => proxy.#serve(request, response));
    server.on('connection', (socket) => {
      proxy.#sockets.add(socket);
      socket.on('close', () => proxy.#sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy.url = `http://127.0.0.1:${server.address().port}`;
    t.after(() => {
      proxy.cut();
      server.close();
    });
    return proxy;
  }

  /** Breaks all connections. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Requests for streams so far. */
  get streams() {
    return this.requests.filter(({ url }) => url.includes('/stream?'));
  }

  #serve(request, response) {
    this.requests.push({ method: request.method, url: request.url, headers: request.headers });
    const mode = request.url.includes(this.only) ? this.mode : 'pass';
    if (mode === 'refuse') return request.socket.destroy();
    if (typeof mode === 'number') return response.writeHead(mode).end('<html>no</html>');
    const { host, ...headers } = request.headers;
    if (this.keepsCookies && this.#cookie) headers.cookie = this.#cookie;
    const upstream = http.request(this.upstream() + request.url, { method: request.method, headers, agent: false }, (answer) => {
      this.#cookie ??= answer.headers['set-cookie']?.[0].split(';')[0];
      if (mode === 'lose-answer') return answer.resume().on('end', () => response.destroy());
      if (mode === 'buffer') return this.#buffer(answer, response);
      response.writeHead(answer.statusCode, answer.headers);
      if (this.edit && request.url.includes('/stream?')) this.#edited(answer, response);
      else answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  }

  #buffer(answer, response) {
    const chunks = [];
    answer.on('data', (chunk) => chunks.push(chunk));
    answer.on('error', () => response.destroy());
    answer.on('end', () => response.writeHead(answer.statusCode, answer.headers).end(Buffer.concat(chunks)));
  }

  #edited(answer, response) {
    let text = '';
    answer.setEncoding('utf8').on('data', (more) => {
      const blocks = (text + more).split('\n\n');
      text = blocks.pop();
      for (const block of blocks.map((block) => this.edit(block)).filter((block) => block !== null)) response.write(`${block}\n\n`);
    });
    answer.on('end', () => response.end());
  }
}

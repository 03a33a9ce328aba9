// The plain page: one EventSource, one composer. Users' words reach the page by textContent only.

const SHOWN_MAX = 500;
const element = (id) => document.getElementById(id);
const ingest = document.querySelector('meta[name="chorus-ingest"]').content;
const video = new URLSearchParams(location.search).get('video') || 'demo';
const path = `/v1/videos/${encodeURIComponent(video)}`;

element('video').textContent = video;

// Development mode takes any name; where tokens are needed the header is ignored.
const user = localStorage.getItem('chorus-user') || `guest-${crypto.getRandomValues(new Uint32Array(1))[0].toString(16)}`;
localStorage.setItem('chorus-user', user);

function show(comment) {
  const list = element('comments');
  if (document.querySelector(`[data-comment-id="${CSS.escape(comment.id)}"]`)) return;
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const item = document.createElement('li');
  const name = document.createElement('b');
  item.dataset.commentId = comment.id;
  name.textContent = comment.author.name;
  item.append(name, comment.text);
  list.append(item);
  while (list.children.length > SHOWN_MAX) list.firstChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function watch(after) {
  const stream = new EventSource(after ? `${path}/stream?after=${encodeURIComponent(after)}` : `${path}/stream`);
  let position = after;
  const on = (name, act) => stream.addEventListener(name, (event) => {
    position = event.lastEventId || position;
    act(JSON.parse(event.data));
  });
  on('resume', ({ status }) => {
    element('state').textContent = status === 'reset' ? 'live (some comments may be missing above)' : 'live';
  });
  on('comment', show);
  on('skipped', ({ count }) => { element('state').textContent = `${count} comments skipped`; });
  stream.onerror = () => {
    element('state').textContent = 'reconnecting…';
    // A proxy's 502 ends an EventSource for good; begin a new one where it stood.
    if (stream.readyState === EventSource.CLOSED) setTimeout(watch, 1000 + Math.random() * 2000, position);
  };
}

async function post(text, key) {
  const response = await fetch(`${ingest}${path}/comments`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key, 'X-Chorus-User': user },
    body: JSON.stringify({ text }),
  });
  if (!response.ok) throw new Error((await response.json()).detail);
}

element('composer').addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = element('text').value;
  element('refusal').textContent = '';
  try {
    await post(text, crypto.randomUUID());
    element('text').value = '';
  } catch (error) {
    element('refusal').textContent = `Not sent: ${error.message}`;
  }
});

watch();

// The node, as the page sees it: calls that answer with values or throw a
// Problem, and one stream of events that resumes after its last cursor.

export class Problem extends Error {
  constructor(status, e) {
    super([e.message, e.hint].filter(Boolean).join(' '));
    this.status = status;
    this.code = e.code;
  }
}

export async function call(method, path, body) {
  const headers = {};
  if (method !== 'GET') headers['Idempotency-Key'] = crypto.randomUUID();
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let r, text;
  try {
    r = await fetch('/v1/' + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    text = await r.text();
  } catch {
    if (r) throw new Problem(0, { code: 'stopped', message: 'The node went away in the middle of its answer.', hint: 'It may be restarting; the page goes on by itself.' });
    throw new Problem(0, { code: 'no_daemon', message: 'The page has lost its server.', hint: 'Is `covey web` still running?' });
  }
  let value = null;
  try { value = text ? JSON.parse(text) : null; } catch { value = null; }
  if (!r.ok) throw new Problem(r.status, value && value.message ? value : { code: 'internal', message: 'The node answered ' + r.status + '.' });
  return value;
}

export const get = (path) => call('GET', path);
export const post = (path, body) => call('POST', path, body);

// past is what the node's log has told of a group so far, oldest first, of
// some types only.
export async function past(group, types) {
  const r = await fetch('/v1/events?once=true&from=0&types=' + types.join(',') + '&group=' + seg(group), { headers: { Accept: 'application/x-ndjson' } });
  if (!r.ok) return [];
  return (await r.text()).split('\n').filter((l) => l.trim()).map((l) => JSON.parse(l)).filter((e) => types.includes(e.type));
}

// qr is the picture of a text, as an address for img.
export async function qr(text) {
  const picture = await (await fetch('/qr', { method: 'POST', body: text })).blob();
  return new Promise((ok) => { const r = new FileReader(); r.onload = () => ok(r.result); r.readAsDataURL(picture); });
}

// seg escapes one element of a path.
export const seg = encodeURIComponent;

// enter trades the one-time token behind the # for a cookie, and takes it out
// of the address. It reports whether the page is open.
export async function enter() {
  const token = new URLSearchParams(location.hash.slice(1)).get('t');
  if (token) {
    history.replaceState(null, '', location.pathname);
    const r = await fetch('/enter', { method: 'POST', body: token });
    if (r.ok) return true;
  }
  return (await fetch('/entered')).ok;
}

// watch calls on each event after a cursor, for ever. A stream that breaks, as
// when the daemon restarts, is resumed; state(up) tells which it is.
export async function watch(from, on, state) {
  let pause = 200;
  for (;;) {
    const silence = new AbortController();
    let timer;
    const heard = () => { clearTimeout(timer); timer = setTimeout(() => silence.abort(), 60000); };
    try {
      heard();
      const r = await fetch('/v1/events?from=' + from, { headers: { Accept: 'application/x-ndjson' }, signal: silence.signal });
      if (r.status === 401) { state(false, 401); return; }
      if (!r.ok) throw new Error(r.status);
      state(true);
      pause = 200;
      const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        heard();
        const lines = (rest + value).split('\n');
        rest = lines.pop();
        for (const line of lines) {
          if (!line.trim()) continue;
          const e = JSON.parse(line);
          if (e.error) throw new Error(e.error.message);
          from = e.cursor;
          if (e.type !== 'mark') on(e);
        }
      }
    } catch { /* resumed below; state says so */ }
    clearTimeout(timer);
    state(false);
    await new Promise((ok) => setTimeout(ok, pause));
    pause = Math.min(pause * 2, 4000);
  }
}

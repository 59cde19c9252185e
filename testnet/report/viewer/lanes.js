// Draws a run: a lane for each node, coloured by the epoch it is in, and below
// it the epochs themselves, each branch on a line of its own.

import { svg } from './dom.js';

const width = 1100, left = 76, right = 14, laneH = 24, top = 46, rowH = 26;
const maxHops = 4000; // more lines than this show nothing but ink

// scale maps the times of a view to the width of a drawing.
export const scale = (view) => (t) => left + (width - left - right) * (t - view.from) / (view.to - view.from);
// unscale is where on the time line a click or a wheel was.
export function unscale(event, view) {
  const box = event.currentTarget.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width * width;
  return view.from + (x - left) / (width - left - right) * (view.to - view.from);
}

const words = (x, y, text, props = {}) => { const e = svg('text', { x, y, ...props }); e.textContent = text; return e; };

// board is an SVG as wide as the page, with a clip that keeps time in its frame.
function board(height, label, on) {
  const out = svg('svg', { viewBox: `0 0 ${width} ${height}`, width: '100%', role: 'img', 'aria-label': label, ...on });
  out.append(svg('clipPath', { id: 'frame' }, svg('rect', { x: left - 7, y: 0, width: width - left - right + 9, height: 5000 })));
  const inside = svg('g', { 'clip-path': 'url(#frame)' });
  out.append(inside);
  return [out, inside];
}

export function drawLanes(run, view, on) {
  const X = scale(view), lane = new Map(run.nodes.map((n, i) => [n, top + 12 + i * laneH]));
  const height = top + run.nodes.length * laneH + 8;
  const [out, inside] = board(height, `${run.nodes.length} nodes over ${(run.end / 1e9).toFixed(1)} seconds`, on);
  const shown = (a, b) => b >= view.from && a <= view.to;
  for (const c of run.cuts) if (shown(c.from, c.to)) inside.append(svg('rect', { class: 'cut', x: X(c.from), y: 20, width: X(c.to) - X(c.from), height: height - 24 }));
  axis(out, view, X);
  marks(inside, run, view, X, height);
  for (const n of run.nodes) inside.append(svg('line', { class: 'rail', x1: left, x2: width - right, y1: lane.get(n), y2: lane.get(n) }));
  const hops = svg('g', { class: 'hops' }); // one opacity for all: many lines are no black block
  inside.append(hops);
  let drawn = 0;
  for (const h of run.hops) {
    if (drawn >= maxHops) break;
    if (!shown(h.t0, h.t1) || !lane.has(h.from) || !lane.has(h.to)) continue;
    drawn++;
    hops.append(svg('line', { x1: X(h.t0), y1: lane.get(h.from), x2: X(h.t1), y2: lane.get(h.to) }));
  }
  for (const s of run.stays) {
    if (!shown(s.from, s.to)) continue;
    const e = run.epochs.get(s.epoch), x = X(Math.max(s.from, view.from)), w = X(Math.min(s.to, view.to)) - x, y = lane.get(s.node);
    inside.append(svg('rect', e ? { class: 'node', x, y: y - 7, width: Math.max(1, w), height: 14, rx: 3, fill: e.colour } : { class: 'idle', x, y: y - 7, width: Math.max(1, w), height: 14, rx: 3 }));
    if (e && w > 7 * e.label.length + 6) inside.append(words(x + w / 2, y + 4, e.label, { class: 'label' }));
  }
  for (const l of run.losses) if (shown(l.t, l.t) && lane.has(l.n)) inside.append(svg('path', { class: 'loss', d: `M${X(l.t) - 3} ${lane.get(l.n) - 11}l5 5m0-5l-5 5` }));
  for (const n of run.nodes) out.append(words(6, lane.get(n) + 4, n.slice(0, 10), { class: 'name' }));
  inside.append(svg('rect', { class: 'veil', y: 18, height: height - 18 }), svg('line', { class: 'now', y1: 18, y2: height }));
  return out;
}

// axis writes the times, at round steps.
function axis(out, view, X) {
  const span = (view.to - view.from) / 1e9, rough = span / 9, ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * ten).find((s) => s >= rough);
  for (let s = Math.ceil(view.from / 1e9 / step) * step; s <= view.to / 1e9 + 1e-9; s += step) {
    out.append(words(X(s * 1e9), 12, +s.toFixed(6) + ' s', { class: 'tick' }), svg('line', { class: 'grid', x1: X(s * 1e9), x2: X(s * 1e9), y1: 16, y2: 20 }));
  }
}

// marks says what the script did, as far as the words do not run into each other.
function marks(inside, run, view, X, height) {
  let free = -1;
  for (const m of run.marks) {
    if (m.t < view.from || m.t > view.to || m.t === 0) continue;
    const x = X(m.t);
    inside.append(svg('line', { class: 'mark', x1: x, x2: x, y1: 24, y2: height - 4 }));
    const text = m.text.length > 34 ? m.text.slice(0, 33) + '…' : m.text;
    if (x < free) continue;
    inside.append(words(x + 3, 33, text, { class: 'verb' }));
    free = x + 6 * text.length + 12;
  }
}

// drawForks draws the epochs by the time they came about: what was kept on the
// first line, every branch that lost on one of its own.
export function drawForks(run, view, on) {
  const X = scale(view), born = [...run.epochs.values()].filter((e) => e.born !== undefined);
  const row = new Map(), rows = [-Infinity]; // until when each line is taken
  for (const e of born) {
    const p = row.get(e.parent) ?? 0;
    let r = 0;
    if (!e.kept) {
      r = p > 0 && !born.some((o) => o !== e && o.parent === e.parent && row.get(o.id) === p) ? p : rows.findIndex((end, i) => i > 0 && end < e.born);
      if (r < 1) r = rows.push(-Infinity) - 1;
    }
    row.set(e.id, r);
    rows[r] = Math.max(rows[r], e.born + (view.to - view.from) / 6);
  }
  const height = 14 + rows.length * rowH + 4, Y = (e) => 22 + row.get(e.id) * rowH;
  const [out, inside] = board(height, `${born.length} epochs, ${born.filter((e) => !e.kept).length} of them on branches that lost`, on);
  for (const e of born) {
    const p = run.epochs.get(e.parent);
    if (p?.born === undefined) continue;
    const x = X(p.born), y = Y(p), to = X(e.born);
    inside.append(svg('path', { class: e.kept ? 'branch' : 'branch lost', d: `M${x} ${y}C${(x + to) / 2} ${y} ${(x + to) / 2} ${Y(e)} ${to} ${Y(e)}`, stroke: e.colour }));
  }
  const free = rows.map(() => -1);
  for (const e of born) {
    const x = X(e.born), y = Y(e), dot = svg('circle', { class: 'epoch', cx: x, cy: y, r: 6, fill: e.colour }), title = svg('title');
    title.textContent = `${e.label} ${e.what}`;
    dot.append(title);
    inside.append(dot);
    const text = `${e.label} ${e.what}`.slice(0, 26), r = row.get(e.id);
    if (x >= free[r] && e.born >= view.from && e.born <= view.to) { inside.append(words(x + 9, y - 4, text, { class: 'what' })); free[r] = x + 6.2 * text.length + 14; }
  }
  out.append(words(6, 26, 'kept', { class: 'name' }));
  if (rows.length > 1) out.append(words(6, 26 + rowH, 'lost', { class: 'name' }));
  inside.append(svg('rect', { class: 'veil', y: 0, height }), svg('line', { class: 'now', y1: 0, y2: height }));
  return out;
}

// until hides in a drawing what comes after t.
export function until(drawing, view, t) {
  const x = Math.max(left, Math.min(width, scale(view)(t)));
  const veil = drawing.querySelector('.veil'), now = drawing.querySelector('.now');
  veil.setAttribute('x', x);
  veil.setAttribute('width', Math.max(0, width - x));
  now.setAttribute('x1', x);
  now.setAttribute('x2', x);
}

// Draws a run: a lane for each node, coloured by the epoch it is in; bytes on
// their way as thin lines; losses as crosses; rivals get a second colour.

import { svg, colour, visible } from './dom.js';

const width = 1100, left = 90, laneH = 26, top = 24;
const maxHops = 3000; // more lines than this show nothing but ink

export function drawLanes(events, t, seek) {
  const nodes = [...new Set(events.map((e) => e.n).filter(Boolean))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const lane = new Map(nodes.map((n, i) => [n, top + i * laneH]));
  const end = events[events.length - 1].t || 1;
  const X = (at) => left + (width - left - 20) * at / end;
  const height = top + nodes.length * laneH + 10;
  const out = svg('svg', { viewBox: `0 0 ${width} ${height}`, width: '100%', role: 'img', 'aria-label': `${nodes.length} nodes over ${(end / 1e9).toFixed(1)} seconds`,
    onclick: (e) => { const box = out.getBoundingClientRect(); const x = (e.clientX - box.left) / box.width * width; seek(Math.max(0, Math.min(end, (x - left) / (width - left - 20) * end))); } });
  segments(out, events, t, lane, X);
  hops(out, events, t, lane, X);
  for (const n of nodes) {
    const label = svg('text', { x: 6, y: lane.get(n) + 4 });
    label.textContent = visible(n).slice(0, 12);
    out.append(label);
  }
  out.append(svg('line', { class: 'now', x1: X(t), x2: X(t), y1: 4, y2: height - 4 }));
  return out;
}

// segments draws each node's stay in each epoch.
function segments(out, events, t, lane, X) {
  const at = new Map(); // node -> {from, epoch}
  const close = (n, to) => {
    const s = at.get(n);
    if (s) out.append(svg('rect', { class: 'node', x: X(s.from), y: lane.get(n) - 6, width: Math.max(1, X(to) - X(s.from)), height: 12, rx: 2, fill: s.epoch ? colour(s.epoch) : 'none', stroke: s.epoch ? 'none' : 'currentColor', 'stroke-opacity': .3 }));
    at.delete(n);
  };
  for (const e of events) {
    if (e.t > t) break;
    if (e.k === 'down') close(e.n, e.t);
    if (e.k === 'up') { close(e.n, e.t); at.set(e.n, { from: e.t, epoch: '' }); }
    if (e.k === 'notice' && e.e && at.get(e.n)?.epoch !== e.e && /^(epoch|joined)/.test(e.text ?? '')) { close(e.n, e.t); at.set(e.n, { from: e.t, epoch: e.e }); }
  }
  for (const n of [...at.keys()]) close(n, t);
}

function hops(out, events, t, lane, X) {
  const sent = new Map(); // post id -> {t, n}
  let drawn = 0;
  for (const e of events) {
    if (e.t > t) break;
    if (e.k === 'publish') sent.set(e.id, e);
    if (e.k === 'hop' && lane.has(e.n) && lane.has(e.p) && drawn++ < maxHops) {
      const from = sent.get(e.id);
      out.append(svg('line', { class: 'hop', x1: X(from && from.n === e.p ? from.t : e.t), y1: lane.get(e.p), x2: X(e.t), y2: lane.get(e.n) }));
    }
    if (e.k === 'lost' && lane.has(e.n)) {
      const x = X(e.t), y = lane.get(e.n);
      out.append(svg('path', { class: 'loss', d: `M${x - 3} ${y - 3}l6 6m0-6l-6 6` }));
    }
    if (e.k === 'fault' || e.k === 'broken') out.append(svg('line', { class: 'loss', x1: X(e.t), x2: X(e.t), y1: 4, y2: top - 10 }));
  }
}

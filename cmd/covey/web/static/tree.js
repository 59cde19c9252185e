// Draws a group's recent epochs: the head's history on one line, each branch
// on a line of its own below it.

import { svg, colour, visible } from './dom.js';

const stepX = 108, stepY = 58, left = 60, top = 34;

// layout gives each epoch a column (its depth) and a lane. The path to the
// head takes lane 0; the rest take the first lane that is free from there on.
export function layout(nodes) {
  const byID = new Map(nodes.map((n) => [n.id, n]));
  const main = new Set();
  for (let n = nodes.find((x) => x.head); n; n = byID.get(n.parent)) main.add(n.id);
  const place = new Map();
  const used = []; // used[lane] = last column taken there
  for (const n of nodes) {
    const p = place.get(n.parent);
    const x = p ? p.x + 1 : 0;
    let y = 0;
    if (!main.has(n.id)) {
      y = p && p.y > 0 && used[p.y] === p.x ? p.y : 1;
      while (y !== p?.y && (used[y] ?? -1) >= x - 1) y++;
    }
    used[y] = Math.max(used[y] ?? -1, x);
    place.set(n.id, { x, y, n, main: main.has(n.id) });
  }
  return [...place.values()];
}

export function drawTree(epochs, chosen, choose) {
  const cells = layout(epochs.nodes ?? []);
  const at = new Map(cells.map((c) => [c.n.id, c]));
  const w = left * 2 + stepX * Math.max(0, ...cells.map((c) => c.x)), h = top * 2 + stepY * Math.max(0, ...cells.map((c) => c.y));
  const X = (c) => left + c.x * stepX, Y = (c) => top + c.y * stepY;
  const out = svg('svg', { viewBox: `0 0 ${w} ${h}`, width: w, height: h, role: 'group', 'aria-label': 'Tree of epochs' });
  for (const c of cells) {
    const p = at.get(c.n.parent);
    if (!p) continue;
    out.append(svg('path', { class: 'edge' + (c.main && p.main ? ' main' : ''), 'stroke-dasharray': c.main ? 'none' : '4 3',
      d: `M${X(p)} ${Y(p)} C${X(p) + 50} ${Y(p)} ${X(c) - 50} ${Y(c)} ${X(c)} ${Y(c)}` }));
  }
  for (const c of cells) {
    const n = c.n;
    const label = `epoch ${n.number}, ${n.life}${n.what ? ', ' + visible(n.what) : ''}`;
    const pick = () => choose(n);
    out.append(svg('g', { tabindex: 0, role: 'button', 'aria-label': label, 'aria-pressed': String(n.id === chosen), 'data-life': n.life, 'data-branch': c.main ? 'head' : 'side', 'data-epoch': n.id, onclick: pick,
      onkeydown: (e) => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); pick(); } } },
    svg('circle', { class: 'under', cx: X(c), cy: Y(c), r: n.head ? 13 : 10 }),
    svg('circle', { class: 'state' + (n.head ? ' head' : ''), cx: X(c), cy: Y(c), r: n.head ? 13 : 10, fill: colour(n.id), opacity: n.life === 'erased' || n.life === 'lost' ? .45 : 1 }),
    txt(X(c), Y(c) + 4, String(n.number), 'middle'), txt(X(c), Y(c) + 27, (n.name ? visible(n.name).slice(0, 12) : '') + (n.of ? ` ${n.weight}/${n.of}` : ''), 'middle', 'faint')));
  }
  return out;
}

function txt(x, y, s, anchor, cls) {
  const t = svg('text', { x, y, 'text-anchor': anchor, class: cls ?? '' });
  t.textContent = s;
  return t;
}

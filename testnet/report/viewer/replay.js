// The replay of a simulated run: its events as a space-time diagram that can
// be scrubbed and zoomed, its epochs as a tree, and the story in sentences.

import { $, el, visible } from './dom.js';
import { read, byNumber } from './run.js';
import { drawLanes, drawForks, until, unscale } from './lanes.js';

const listed = 600; // raw events shown around the scrubber: a browser is slow beyond
const steps = 1000; // of the scrubber
let events = [];
let run, group, view, drawings = [];
let timer;

// load shows the run given as text, or else the one that the server shows, if
// it shows one.
export async function load(text) {
  $('run-file').addEventListener('change', async (e) => { if (e.target.files[0]) use(await e.target.files[0].text()); });
  $('scrub').addEventListener('input', () => move());
  $('play').addEventListener('click', play);
  $('lanes').before(tools());
  if (text === undefined) {
    const r = await fetch('/run/events.jsonl');
    if (!r.ok) return false;
    text = await r.text();
  }
  use(text);
  return events.length > 0;
}

export function shown() { if (run) move(); else empty(); }

// tools are the controls of the view.
function tools() {
  const button = (text, label, by) => el('button', { text, 'aria-label': label, onclick: () => zoom(by) });
  return el('div', { class: 'bar tools' },
    el('label', { id: 'run-groups', hidden: true }, 'Group ', el('select', { id: 'run-group', onchange: (e) => pick(e.target.value) })),
    button('−', 'Zoom out', 2), button('+', 'Zoom in', 0.5), el('button', { text: 'Fit', onclick: () => fit() }),
    el('label', {}, el('input', { id: 'run-raw', type: 'checkbox', onchange: story }), ' every event'),
    el('span', { id: 'run-tail', class: 'dim' }));
}

function use(text) {
  const parse = (s) => { try { return JSON.parse(s); } catch { return null; /* a line cut short by a crash */ } };
  const all = text.startsWith('[') ? parse(text) ?? [] : text.split('\n').map(parse);
  events = all.filter((e) => e && typeof e.t === 'number' && typeof e.k === 'string');
  events.sort((a, b) => a.t - b.t);
  if (!events.length) return empty();
  const groups = [...new Set(events.filter((e) => e.k === 'notice' && e.g).map((e) => e.g))];
  $('run-group').replaceChildren(...groups.map((g) => el('option', { value: g, text: visible(g) })));
  $('run-groups').hidden = groups.length < 2;
  pick(groups[0]);
}

function empty() {
  run = undefined;
  $('lanes').replaceChildren(el('p', { text: 'Open the events.jsonl of a run, or start `covey sim replay RUN --web`.' }));
  $('story').replaceChildren();
}

function pick(name) {
  group = name;
  run = read(events, group);
  fit();
  $('scrub').value = steps;
  move();
}

// span is the part of the run in which something happens; after it there is
// only the talk of nodes that have nothing to tell.
const span = () => Math.min(run.end, run.told * 1.06 + 1e9);
const now = () => span() * Number($('scrub').value) / steps;
export const seconds = (t) => (t / 1e9).toFixed(3) + ' s';

function fit() {
  view = { from: 0, to: span() };
  $('run-tail').textContent = run.end > span() + 1e9 ? `Nothing more happens until ${(run.end / 1e9).toFixed(0)} s.` : '';
  draw();
}

// zoom changes how much time is shown, about a time that stays where it is.
function zoom(by, about = now()) {
  if (!run) return;
  const most = run.end, wide = Math.max(1e6, Math.min(most, (view.to - view.from) * by));
  let from = about - (about - view.from) * wide / (view.to - view.from);
  from = Math.max(0, Math.min(most - wide, from));
  view = { from, to: from + wide };
  draw();
}

function draw() {
  const on = {
    onclick: (e) => seek(unscale(e, view)),
    onwheel: (e) => {
      if (!e.ctrlKey && !e.shiftKey && Math.abs(e.deltaX) < Math.abs(e.deltaY)) return; // the page scrolls
      e.preventDefault();
      const wide = view.to - view.from;
      if (e.ctrlKey) return zoom(e.deltaY > 0 ? 1.25 : 0.8, unscale(e, view));
      const from = Math.max(0, Math.min(run.end - wide, view.from + (e.deltaX || e.deltaY) / 800 * wide));
      view = { from, to: from + wide };
      draw();
    },
  };
  drawings = [drawLanes(run, view, on)];
  if ([...run.epochs.values()].some((e) => e.born !== undefined)) drawings.push(drawForks(run, view, on));
  $('lanes').replaceChildren(...drawings);
  story();
  move();
}

function seek(t) {
  $('scrub').value = Math.round(steps * Math.max(0, Math.min(span(), t)) / span());
  move();
}

// move shows the run as it was at the scrubber's time.
function move() {
  if (!run) return;
  const t = now(), wide = view.to - view.from;
  $('when').textContent = `${seconds(t)} of ${seconds(run.end)}`;
  if (t < view.from || t > view.to * 1.0001) {
    const from = Math.max(0, Math.min(run.end - wide, t - wide / 2));
    view = { from, to: from + wide };
    return draw();
  }
  for (const d of drawings) until(d, view, t);
  if ($('run-raw').checked) return story();
  let last;
  for (const li of $('story').children) {
    const past = Number(li.dataset.t) <= t;
    li.classList.toggle('later', !past);
    if (past) last = li;
  }
  if (last) $('story').scrollTop = last.offsetTop - $('story').offsetTop - $('story').clientHeight + last.offsetHeight + 8;
}

// story lists what happened: in sentences, or every event around the scrubber.
function story() {
  if (!run) return;
  const line = (t, kind, text) => {
    const li = el('li', { class: kind }, el('time', { text: seconds(t) }), el('span', { text }));
    li.dataset.t = t;
    li.addEventListener('click', () => seek(t));
    return li;
  };
  if (!$('run-raw').checked) {
    $('story').replaceChildren(...run.story.map((s) => line(s.t, s.kind, s.text + s.who.sort(byNumber).join(' '))));
    return;
  }
  let i = events.findIndex((e) => e.t > now());
  if (i < 0) i = events.length;
  $('story').replaceChildren(...events.slice(Math.max(0, i - listed), i).map((e) => line(e.t, e.k,
    [e.n, e.k, e.p && '↔ ' + e.p, e.id, e.num && 'epoch ' + e.num, e.size && e.size + ' bytes', visible(e.text)].filter(Boolean).join('  '))));
  $('story').scrollTop = $('story').scrollHeight;
}

function play() {
  if (!run) return;
  const on = !timer;
  $('play').setAttribute('aria-pressed', on);
  $('play').textContent = on ? 'Stop' : 'Play';
  if (!on) { clearInterval(timer); timer = null; return; }
  if (Number($('scrub').value) >= steps) $('scrub').value = 0;
  timer = setInterval(() => {
    $('scrub').value = Number($('scrub').value) + 2;
    move();
    if (Number($('scrub').value) >= steps) play();
  }, 50);
}

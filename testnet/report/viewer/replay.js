// The replay of a simulated run: its events as a space-time diagram that can
// be scrubbed, and as a list.

import { $, el, visible } from './dom.js';
import { drawLanes } from './lanes.js';

const listed = 400; // lines shown around the scrubber: a browser is slow beyond
let events = [];
let timer;

// load shows the run given as text, or else the one that the server shows, if
// it shows one.
export async function load(text) {
  $('run-file').addEventListener('change', async (e) => { if (e.target.files[0]) use(await e.target.files[0].text()); });
  $('scrub').addEventListener('input', draw);
  $('play').addEventListener('click', play);
  if (text === undefined) {
    const r = await fetch('/run/events.jsonl');
    if (!r.ok) return false;
    text = await r.text();
  }
  use(text);
  return events.length > 0;
}

export function shown() { draw(); }

function use(text) {
  const parse = (s) => { try { return JSON.parse(s); } catch { return null; /* a line cut short by a crash */ } };
  const all = text.startsWith('[') ? parse(text) ?? [] : text.split('\n').map(parse);
  events = all.filter((e) => e && typeof e.t === 'number' && typeof e.k === 'string');
  events.sort((a, b) => a.t - b.t);
  $('scrub').value = 1000;
  draw();
}

const end = () => events.length ? events[events.length - 1].t : 0;
const now = () => end() * Number($('scrub').value) / 1000;
export const seconds = (t) => (t / 1e9).toFixed(3) + ' s';

function draw() {
  if (!events.length) {
    $('lanes').replaceChildren(el('p', { text: 'Open the events.jsonl of a run, or start `covey sim replay RUN --web`.' }));
    $('story').replaceChildren();
    return;
  }
  const t = now();
  $('when').textContent = seconds(t) + ' of ' + seconds(end());
  $('lanes').replaceChildren(drawLanes(events, t, (at) => { $('scrub').value = Math.round(1000 * at / end()); draw(); }));
  const told = events.filter((e) => !['hop', 'save', 'step'].includes(e.k));
  let i = told.findIndex((e) => e.t > t);
  if (i < 0) i = told.length;
  $('story').replaceChildren(...told.slice(Math.max(0, i - listed), i).map((e) => el('li', { class: e.k, text: `${seconds(e.t)}  ${e.n ?? ''}  ${e.k}${e.num ? ' epoch ' + e.num : ''}  ${visible(e.text)}` })));
  $('story').scrollTop = $('story').scrollHeight;
}

function play() {
  const on = !timer;
  $('play').setAttribute('aria-pressed', on);
  $('play').textContent = on ? 'Stop' : 'Play';
  if (!on) { clearInterval(timer); timer = null; return; }
  if (Number($('scrub').value) >= 1000) $('scrub').value = 0;
  timer = setInterval(() => {
    $('scrub').value = Number($('scrub').value) + 5;
    draw();
    if (Number($('scrub').value) >= 1000) play();
  }, 80);
}

// Reads the events of a run into what the page draws: who was where and when,
// how the epochs came about, what the script did, and the story in sentences.

import { visible } from './dom.js';

// read sorts the events of one group. Epochs get their colours in the order in
// which they appear, far apart from the one before.
export function read(events, group) {
  const run = { end: events.at(-1)?.t || 1, nodes: [], epochs: new Map(), stays: [], cuts: [], marks: [], hops: [], losses: [], story: [], told: 0 };
  const names = new Set(), sent = new Map(), at = new Map(), cuts = new Map();
  const epoch = (id, num) => {
    if (!run.epochs.has(id)) run.epochs.set(id, { id, num: num ?? 0, label: String(num ?? 0), what: '', parent: '', colour: hue(run.epochs.size), born: undefined });
    return run.epochs.get(id);
  };
  const leave = (node, t) => { const s = at.get(node); if (s) { s.to = t; run.stays.push(s); at.delete(node); } };
  const enter = (node, t, id) => { leave(node, t); at.set(node, { node, from: t, to: t, epoch: id }); };
  for (const e of events) {
    if (e.n) names.add(e.n);
    if (e.k === 'verb') {
      const text = visible(e.text).replace(/^@\S+ /, '');
      run.marks.push({ t: e.t, text });
      for (const c of cuts.values()) if (/^heal/.test(text) && (text === 'heal' || text === 'heal ' + c.name)) { c.to = e.t; cuts.delete(c.name); }
      if (/^partition/.test(text)) { const c = { name: text.split(' ')[1], from: e.t, to: run.end }; cuts.set(c.name, c); run.cuts.push(c); }
    }
    if (e.k === 'up') enter(e.n, e.t, '');
    if (e.k === 'down') leave(e.n, e.t);
    if (e.g && e.g !== group) continue;
    if (e.k === 'born') Object.assign(epoch(e.e, e.num), { label: visible(e.text).split(' ')[0], what: visible(e.text).replace(/^\S+ /, ''), parent: e.id ?? '', born: e.t });
    if (e.k === 'notice' && e.e && /^(epoch|joined)/.test(e.text ?? '') && at.get(e.n)?.epoch !== e.e) { epoch(e.e, e.num); enter(e.n, e.t, e.e); }
    if (e.k === 'notice' && /^removed/.test(e.text ?? '')) leave(e.n, e.t);
    if (e.k === 'publish') sent.set(e.id, e);
    if (e.k === 'hop') { const s = sent.get(e.id); run.hops.push({ from: e.p, to: e.n, t0: s?.n === e.p ? s.t : e.t, t1: e.t }); }
    if (e.k === 'lost' || e.k === 'broken') run.losses.push(e);
  }
  for (const node of [...at.keys()]) leave(node, run.end);
  run.nodes = [...names].sort(byNumber);
  keep(run);
  tell(run, events, group);
  return run;
}

// byNumber puts n2 before n10.
export const byNumber = (a, b) => a.localeCompare(b, undefined, { numeric: true });

const hue = (i) => `hsl(${Math.round(205 + i * 137.508) % 360} ${i % 2 ? 52 : 60}% ${[44, 52, 38][i % 3]}%)`;

// keep marks the epochs in the history that most nodes ended in.
function keep(run) {
  const last = new Map();
  for (const s of run.stays) if (s.epoch) last.set(s.node, s);
  const count = new Map();
  for (const s of last.values()) count.set(s.epoch, (count.get(s.epoch) ?? 0) + 1);
  let id = [...count].sort((a, b) => b[1] - a[1])[0]?.[0];
  for (; id && run.epochs.get(id) && !run.epochs.get(id).kept; id = run.epochs.get(id).parent) run.epochs.get(id).kept = true;
}

// tell makes the story: one line for what many nodes did together.
function tell(run, events, group) {
  const open = new Map(); // what is being told -> its line
  const say = (t, kind, text) => { const line = { t, kind, text, who: [] }; run.story.push(line); run.told = t; return line; };
  const together = (key, e, kind, text) => {
    let line = open.get(key);
    if (!line || e.t > line.t + 5e9) open.set(key, line = say(e.t, kind, text));
    if (!line.who.includes(e.n)) line.who.push(e.n);
  };
  for (const e of events) {
    const text = visible(e.text);
    if (e.k === 'verb') say(e.t, 'verb', text.replace(/^@\S+ /, ''));
    else if (e.g && e.g !== group) continue;
    else if (e.k === 'fault' || e.k === 'broken') say(e.t, e.k, `${e.n}: ${text}`);
    else if (e.k === 'down') together('down', e, 'fault', 'stops: ');
    else if (e.k === 'up' && e.t > 0) together('up', e, 'fault', 'starts: ');
    else if (e.k === 'born') say(e.t, 'born', text);
    else if (e.k !== 'notice') continue;
    else if (/^(epoch|joined)/.test(text) && e.e) together('in ' + e.e, e, 'epoch', `${/^j/.test(text) ? 'joined at' : 'now in'} ${run.epochs.get(e.e)?.label}: `);
    else if (/^text/.test(text)) together(text, e, 'text', `“${text.replace(/^text: /, '')}” read by `);
    else if (/^fork/.test(text)) { // the session's own reason, as `covey explain` tells it
      const why = text.replace(/^fork: /, '').replace(/ What was undone.*/, '');
      together(why, e, 'fork', why + ' ');
    }
    else if (/^(removed|stranded|trouble|gap)/.test(text)) together(text, e, 'fork', text + ': ');
  }
}

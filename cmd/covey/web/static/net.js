// Network: this node, the account's devices, its peers, its health, and what was
// dropped.

import { get } from './api.js';
import { $, el, name, visible } from './dom.js';
import * as devices from './devices.js';

let timer;

export function start() { devices.start(); }

export function shown() {
  clearInterval(timer);
  load();
  timer = setInterval(() => { if ($('net').hidden) clearInterval(timer); else load(); }, 5000);
}

export function event(e) { if (e.type === 'peer' && !$('net').hidden) load(); }

async function load() {
  try {
    const [net, peers, doctor] = await Promise.all([get('net'), get('peers'), get('doctor'), devices.load()]);
    facts($('net-facts'), [['Network', net.network], ['Reachability', net.reachability], ['Connected', `${net.connected} of ${net.known} known`], ['DHT', `${net.dht}, ${net.table} in the table`],
      ['Local discovery', net.mdns ? 'on' : 'off'], ['Relays', (net.relays ?? []).length || 'none'], ['Addresses', (net.addresses ?? []).join('  ')], ['Received', bytes(net.bytes_in)], ['Sent', bytes(net.bytes_out)]]);
    $('peers').replaceChildren(...(peers ?? []).map((p) => el('tr', {}, el('td', {}, p.name ? name(p.name) : el('span', { class: 'print', text: p.id.slice(-8) })), el('td', { text: p.connected ? 'connected' : 'away' }),
      el('td', { text: [p.path, p.transport].filter(Boolean).join(', ') }), el('td', { text: p.rtt_ms ? p.rtt_ms.toFixed(1) + ' ms' : '' }), el('td', { text: String(p.groups ?? 0) }), el('td', { class: p.score < 0 ? 'bad' : '', text: p.score.toFixed(0) }))));
    $('doctor').replaceChildren(...doctor.checks.map((c) => el('li', {}, el('b', { class: c.verdict, text: { ok: '✓ ', warn: '! ', fail: '✗ ' }[c.verdict] ?? '' }), `${c.name}: ${visible(c.text)}`, c.hint ? el('small', { text: ' ' + c.hint }) : null)));
    const drops = Object.entries(net.drops ?? {}).filter(([, n]) => n > 0).sort();
    facts($('drops'), drops.length ? drops : [['nothing', 'since the node started']]);
  } catch (e) { facts($('net-facts'), [['Trouble', e.message]]); }
}

const facts = (at, rows) => at.replaceChildren(...rows.flatMap(([k, v]) => [el('dt', { text: k }), el('dd', { text: visible(v) })]));

const bytes = (n) => n > 1e6 ? (n / 1e6).toFixed(1) + ' MB' : (n / 1e3).toFixed(1) + ' kB';

// The devices of one's own account: what there is, one more, one that is lost.

import { call, get, post, qr, seg } from './api.js';
import { $, el, ask, field, guard } from './dom.js';

export function start() {
  $('adopt').addEventListener('click', adopt);
  $('be-adopted').addEventListener('click', guard(beAdopted));
}

export async function load() {
  const all = await get('devices');
  $('adopt').hidden = !all.some((d) => d.me && d.key);
  $('be-adopted').hidden = all.length > 1;
  $('devices').replaceChildren(...all.map((d) => el('tr', {}, el('td', { class: 'print', text: d.id.slice(0, 8) }),
    el('td', { text: (d.removed ? 'removed' : d.me ? 'this one' : d.online ? 'online' : 'away') + (d.key ? ", holds the account's key" : '') }),
    el('td', { text: `${d.groups}/${d.of}` }), el('td', { text: d.since ? new Date(d.since).toLocaleDateString() : '' }),
    el('td', {}, d.me || d.removed ? '' : el('button', { class: 'small', text: 'Remove', onclick: () => remove(d) })))));
}

function adopt() {
  ask('Add a device', [el('p', { text: 'Start covey on the new device and have it show its code: here on its page, or with `covey device link`.' }),
    field('Its code (covey-device:…)', { name: 'code', required: true, autocomplete: 'off' })], async (f) => { await post('devices', { code: f.code.trim() }); await load(); }, 'Add');
}

async function beAdopted() {
  const c = await post('devices/link');
  ask('Take this device into your account', [el('p', { text: 'Good once, until ' + new Date(c.expires).toLocaleTimeString() + '. Give it to the device with your account, under Network, Add a device; this page then starts anew.' }),
    el('img', { class: 'qr', src: await qr(c.code), alt: 'The code as a QR code' }), el('code', { class: 'link', text: c.code })], null);
}

function remove(d) {
  ask('Remove device ' + d.id.slice(0, 8) + '?', [el('p', { text: `It is taken out of ${d.groups} group${d.groups === 1 ? '' : 's'} and reads nothing that is sent after. What it has read stays there.` })],
    async () => { await call('DELETE', 'devices/' + seg(d.id)); await load(); }, 'Remove');
}

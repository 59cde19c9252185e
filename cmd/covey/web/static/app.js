// Starts the page: opens the door, loads what is there, then follows the event
// log and tells each tab what changed.

import { enter, get, watch } from './api.js';
import { $ } from './dom.js';
import * as chat from './chat.js';
import * as health from './health.js';
import * as net from './net.js';
import * as replay from './replay.js';

const tabs = { chat, health, net, replay };
let open = '';

export function show(tab) {
  if (!tabs[tab]) tab = 'chat';
  open = tab;
  for (const t of Object.keys(tabs)) {
    $(t).hidden = t !== tab;
    $('tab-' + t).setAttribute('aria-selected', t === tab);
    $('tab-' + t).tabIndex = t === tab ? 0 : -1;
  }
  tabs[tab].shown?.();
}

function keys() {
  const order = Object.keys(tabs);
  for (const t of order) $('tab-' + t).addEventListener('click', () => show(t));
  document.querySelector('[role=tablist]').addEventListener('keydown', (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    const next = order[(order.indexOf(open) + step + order.length) % order.length];
    show(next);
    $('tab-' + next).focus();
  });
  document.addEventListener('keydown', (e) => {
    if (e.altKey && order[e.key - 1]) { e.preventDefault(); show(order[e.key - 1]); }
  });
}

function locked(why) {
  for (const t of Object.keys(tabs)) $(t).hidden = true;
  $('locked').hidden = false;
  $('locked-why').textContent = why;
  $('link').textContent = 'locked';
}

let account = '';

function link(up, status) {
  if (status === 401) { locked('The page was open too long, or its server was started anew.'); return; }
  $('link').textContent = up ? 'connected to the node' : 'the node is away; trying again';
  $('link').classList.toggle('away', !up);
  if (up && account) sameAccount();
}

// sameAccount loads the page anew where the node has come back as a device of
// another account.
async function sameAccount() {
  try { if ((await get('status')).account !== account) location.reload(); } catch { /* away again; it is asked once it is back */ }
}

async function main() {
  keys();
  if (!await enter()) { locked('The address has been used already, or this is another browser.'); return; }
  const run = await replay.load();
  let status;
  for (;;) {
    try { status = await get('status'); break; } catch (e) {
      link(false, e.status);
      if (e.status === 401) return;
      if (run) { show('replay'); $('link').textContent = 'showing a run'; return; }
      await new Promise((ok) => setTimeout(ok, 1000));
    }
  }
  account = status.account;
  await chat.start(status);
  health.start();
  net.start();
  show(run ? 'replay' : 'chat');
  watch(status.cursor, (e) => { for (const t of Object.values(tabs)) t.event?.(e); }, link);
}

main();

// Group health: the tree of epochs, who agrees, and the story of each branch.

import { get, post, seg } from './api.js';
import { $, el, name, visible, ask } from './dom.js';
import { drawTree } from './tree.js';
import { groupList, currentGroup } from './chat.js';

let chosen = '';
let pending = false;

export function start() {
  $('health-group').addEventListener('change', load);
  $('repair').addEventListener('click', repair);
}

export function shown() {
  const select = $('health-group');
  const keep = select.value || currentGroup();
  select.replaceChildren(...groupList().map((g) => el('option', { value: g.id, text: visible(g.name), selected: g.id === keep })));
  load();
}

export function event(e) {
  if (!['epoch', 'fork', 'member', 'group', 'gap'].includes(e.type) || $('health').hidden || e.group !== $('health-group').value || pending) return;
  pending = true; // one redraw for a burst of events
  setTimeout(() => { pending = false; load(); }, 150);
}

async function load() {
  const group = $('health-group').value;
  if (!group) { $('health-verdict').textContent = 'There is no group yet.'; return; }
  try {
    const [g, epochs] = await Promise.all([get('groups/' + seg(group)), get('groups/' + seg(group) + '/epochs')]);
    const all = g.agreed === g.members && !g.rivals;
    $('health-verdict').className = all ? 'ok' : 'warn';
    $('health-verdict').textContent = all ? `Epoch ${g.epoch.number} agreed by all ${g.members}. State ${g.epoch.print}.`
      : `Epoch ${g.epoch.number}: ${g.agreed} of ${g.members} agree${g.rivals ? `, ${g.rivals} rival branch${g.rivals > 1 ? 'es' : ''} held` : ''}. State ${g.epoch.print}. Secrets of ${g.alive} epochs are alive.`;
    const draw = (n) => { chosen = n?.id ?? chosen; $('tree').replaceChildren(drawTree(epochs, chosen, draw)); if (n) story(n); };
    draw();
    story((epochs.nodes ?? []).find((n) => n.id === chosen) ?? (epochs.nodes ?? []).find((n) => n.head));
    $('tree-text').textContent = epochs.text;
  } catch (e) { $('health-verdict').className = 'bad'; $('health-verdict').textContent = e.message; }
}

function story(n) {
  if (!n) { $('epoch').replaceChildren(); return; }
  const rows = [['Epoch', `${n.number} · ${n.print}`], ['Commit by', n.name ? visible(n.name) : ''], ['What it does', visible(n.what)], ['Where it stands', n.life],
    ['Agreement', n.of ? `${n.weight} of ${n.of} accounts vote at or below it` : ''], ['Why', visible(n.reason)], ['Members', n.members ? String(n.members) : ''], ['Seen', n.seen ? new Date(n.seen).toLocaleString() : '']];
  $('epoch').replaceChildren(el('dl', {}, ...rows.filter((r) => r[1]).flatMap(([k, v]) => [el('dt', { text: k }), el('dd', { text: v })])));
}

async function repair() {
  const group = $('health-group').value;
  try {
    const plan = await post('groups/' + seg(group) + '/repair', { dry_run: true });
    if (!plan.steps?.length) { ask('Repair', [el('p', { text: 'Nothing is missing and nothing is wrong.' })], null); return; }
    ask('Repair', [el('p', { text: 'This would be done. No keys leave this node.' }), el('ol', {}, ...plan.steps.map((s) => el('li', { text: s })))],
      async () => { await post('groups/' + seg(group) + '/repair', { dry_run: false }); await load(); }, 'Repair');
  } catch (e) { ask('Repair', [el('p', { text: e.message })], null); }
}

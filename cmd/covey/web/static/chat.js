// Chat: groups, what was said, who is there. The page keeps no truth of its
// own: it shows what the node said and asks again when an event says so.

import { call, get, past, post, qr, seg } from './api.js';
import { $, el, name, visible, clock, ask, field, guard } from './dom.js';

const page = 100; // messages loaded at once
let me = null;
let groups = [];
let current = null; // GroupDetail
let lines = new Map(); // message id -> its list item
let reply = null;
let shift = false; // the last key was pressed with it
let notes = []; // what the node's log has told of this group, besides messages
let newest = true; // the timeline was at its end when it was last seen
let rest = null; // runs out once the page has not been scrolled for a while
const told = ['member', 'fork', 'gap', 'trouble', 'group'];

export async function start(status) {
  me = status;
  $('composer').addEventListener('submit', (e) => { e.preventDefault(); send(); });
  $('text').addEventListener('keydown', (e) => { shift = e.shiftKey; if (e.key === 'Escape') answer(null); });
  $('text').addEventListener('beforeinput', (e) => { // also where a screen keyboard names no keys
    if (!['insertLineBreak', 'insertParagraph'].includes(e.inputType) || shift || e.isComposing) return;
    e.preventDefault();
    send();
  });
  $('timeline').addEventListener('scroll', scrolled);
  document.addEventListener('visibilitychange', scrolled);
  $('new-group').addEventListener('click', newGroup);
  $('new-link').addEventListener('click', () => newLink());
  $('add-contact').addEventListener('click', addContact);
  await refresh();
  if (groups.length) await open(groups[0].id);
  else welcome();
}

export function shown() {
  $('text').focus();
  if (newest) $('timeline').scrollTop = $('timeline').scrollHeight; // a tab that is not shown has no place
  scrolled();
}

export const groupList = () => groups;
export const currentGroup = () => current?.id;

async function refresh() {
  groups = await get('groups') ?? [];
  const list = groups.map((g) => el('li', {}, el('button', { 'data-id': g.id, 'aria-current': String(g.id === current?.id), onclick: () => open(g.id) },
    name(g.name), g.unread ? el('span', { class: 'badge', text: String(g.unread), 'aria-label': g.unread + ' unread' }) : null)));
  $('group-list').replaceChildren(...list);
  const [invitations, contacts] = await Promise.all([get('invitations'), get('contacts')]);
  $('asks').replaceChildren(...(invitations ?? []).map(invitation), ...(contacts ?? []).filter((c) => c.state === 'request').map(request));
}

function invitation(i) {
  const done = (verb) => async () => {
    const r = await post('invitations/' + seg(i.id) + '/' + verb);
    await refresh();
    if (verb === 'accept' && r) await open(r.id);
  };
  return el('div', { class: 'card' }, el('p', {}, name(i.from_name), i.stranger ? el('em', { class: 'warn', text: ' (nobody you know)' }) : '', ' invites you to ', name(i.name), '.'),
    el('button', { class: 'do', text: 'Join', onclick: guard(done('accept')) }), ' ', el('button', { text: 'Decline', onclick: guard(done('decline')) }));
}

function request(c) {
  const reply = (accept) => guard(async () => { await post('contacts/' + seg(c.account) + '/answer', { accept }); await refresh(); });
  return el('div', { class: 'card' }, el('p', {}, name(c.name || c.claims), ' would like to be a contact. ', c.hello ? el('q', { text: visible(c.hello) }) : ''),
    el('button', { class: 'do', text: 'Accept', onclick: reply(true) }), ' ', el('button', { text: 'Refuse', onclick: reply(false) }), ' ',
    el('button', { text: 'Block', title: 'Nothing of theirs reaches you any more.', onclick: guard(async () => { await post('contacts/' + seg(c.account) + '/block', { blocked: true }); await refresh(); }) }));
}

function welcome() {
  $('talk-name').textContent = 'Nobody here yet';
  const step = (does, says, id) => el('li', {}, el('button', { class: 'do', text: does, onclick: () => $(id).click() }), ' ', says);
  $('timeline').replaceChildren(el('li', { class: 'empty' }, el('p', { text: 'Two people meet by a link; after that, groups need none.' }),
    el('ol', { class: 'steps' }, step('Invite somebody', 'and give them the link or let them scan it,', 'new-link'), step('Add a contact', 'by the link that they gave you,', 'add-contact'), step('New group', 'and invite who is to be in it.', 'new-group'))));
  $('composer').hidden = true;
}

async function open(id) {
  current = await get('groups/' + seg(id));
  for (const b of $('group-list').querySelectorAll('button')) b.setAttribute('aria-current', String(b.dataset.id === id));
  $('composer').hidden = current.state !== 'active';
  answer(null);
  const [p, all] = await Promise.all([get('groups/' + seg(id) + '/messages?limit=' + page), past(id, told)]);
  notes = all.filter(worth);
  lines = new Map();
  $('timeline').replaceChildren();
  put(p, null, null);
  head();
  $('timeline').scrollTop = $('timeline').scrollHeight;
  await markRead();
}

// put shows a page of messages, and between them what else happened then,
// before an item of the timeline that is already there or at its end.
function put(p, before, until) {
  const from = p.more ? p.messages[0].received : '';
  const texts = p.messages.filter((m) => m.kind !== 'reaction');
  const items = [...texts.map((m) => [Date.parse(m.received), () => line(m)]),
    ...notes.filter((e) => Date.parse(e.at) >= (Date.parse(from) || 0) && (!until || Date.parse(e.at) < Date.parse(until))).map((e) => [Date.parse(e.at), () => entry(e)])];
  items.sort((a, b) => a[0] - b[0]);
  if (p.more) items.unshift([0, () => el('li', { class: 'more' }, el('button', { text: 'Earlier messages', onclick: guard(() => earlier(p.messages[0])) }))]);
  else if (!items.length) items.push([0, () => el('li', { class: 'empty', text: 'Nothing has been said here yet.' })]);
  for (const [, make] of items) $('timeline').insertBefore(make(), before);
  for (const m of p.messages) if (m.kind === 'reaction') mark(m);
}

async function earlier(first) {
  const p = await get('groups/' + seg(current.id) + '/messages?limit=' + page + '&before=' + first.seq);
  $('timeline').firstChild.remove();
  put(p, $('timeline').firstChild, first.received);
}

async function markRead() {
  const seen = document.visibilityState === 'visible' && !$('chat').hidden;
  if (!seen || !current) return;
  const shown = me.read_receipts ? inSight() : [];
  const unread = groups.find((g) => g.id === current.id)?.unread;
  if (!unread && !shown.length) return;
  await post('groups/' + seg(current.id) + '/read', { seq: unread ? 0 : Math.max(...shown), shown });
  if (unread) await refresh();
}

// inSight are the messages of others whose ends are on the screen and that no
// author was told of yet.
function inSight() {
  const box = $('timeline').getBoundingClientRect();
  const out = [];
  for (const li of lines.values()) {
    const end = li.getBoundingClientRect().bottom;
    if (li.told || li.classList.contains('mine') || end <= box.top || end > box.bottom + 1) continue;
    li.told = true;
    out.push(Number(li.dataset.seq));
  }
  return out;
}

// scrolled waits until the page is at rest before it says what is on the screen.
// Coming back to the page, or to the chat, is as good as scrolling.
function scrolled() {
  if (!$('chat').hidden) newest = atEnd();
  clearTimeout(rest);
  rest = setTimeout(() => markRead().catch((e) => note('trouble', e.message)), 500);
}

function head() {
  $('talk-name').replaceChildren(name(current.name));
  const all = current.agreed === current.members;
  $('talk-epoch').replaceChildren(`epoch ${current.epoch.number} `,
    el('span', { class: all ? 'ok' : 'warn', text: all ? `✓ agreed ${current.agreed}/${current.members}` : `agreed ${current.agreed}/${current.members}` }),
    current.rivals ? ` · ${current.rivals} rival${current.rivals > 1 ? 's' : ''}` : '', ' · ',
    el('span', { class: 'print', text: current.epoch.print, title: 'Two people who read the same letters share the same state.' }));
  $('details').replaceChildren(el('h2', { text: `Members · ${current.members}` }), ...current.roster.map(member),
    el('div', { class: 'tools' },
      el('button', { text: 'Invite', onclick: invite }), el('button', { text: 'Link', onclick: () => newLink(current.id) }),
      el('button', { text: 'Rename', onclick: rename }), el('button', { text: 'Renew my keys', onclick: guard(() => post('groups/' + seg(current.id) + '/rotate')) }),
      el('button', { text: 'Leave', onclick: leave })));
}

function member(m) {
  const state = [m.me ? 'you' : m.online ? 'reachable' + (m.path ? ', ' + m.path : '') : 'away', m.role,
    m.devices.length > 1 ? m.devices.length + ' devices' : '', m.verified ? 'verified' : '', m.blocked ? 'blocked' : '', m.agrees ? '' : 'votes elsewhere'].filter(Boolean);
  const line = el('div', { class: 'member' }, el('div', {}, name(m.name), el('br'), el('small', { text: state.join(' · ') })));
  if (!m.me) line.append(el('button', { class: 'small', text: '…', 'aria-label': 'What can be done about ' + visible(m.name), onclick: () => about(m) }));
  return line;
}

function line(m) {
  const li = el('li', { class: m.mine ? 'mine' : '', 'data-id': m.id, 'data-seq': m.seq });
  const fate = el('span', { class: 'fate' });
  const text = m.kind === 'text' ? visible(m.text) : `[${visible(m.kind)}: this version does not show it]`;
  li.append(el('div', { class: 'top' }, el('span', { class: 'who' }, name(m.mine ? 'you' : m.name)), el('time', { datetime: m.sent, text: clock(m.sent) }),
    m.orphan ? el('span', { class: 'fate', text: 'read on a branch that lost; it stands', title: 'The commit this was sent under lost to a rival.' }) : null,
    el('span', { class: 'acts' }, el('button', { class: 'small', text: 'Reply', onclick: () => answer(m) }), el('button', { class: 'small', text: 'React', onclick: () => react(m) }),
      el('button', { class: 'small', text: 'Why?', onclick: guard(() => why(m.id)) }))),
  m.reply_to ? el('p', { class: 'quote', text: quoted(m.reply_to) }) : '', el('p', { class: 'body', text }), m.mine ? fate : '', el('div', { class: 'reactions' }));
  li.fate = fate;
  if (m.progress) progress(fate, m.progress);
  lines.set(m.id, li);
  return li;
}

// add shows a message once, however often it comes: as the answer to its
// sending, and as an event.
function add(m) {
  if (lines.has(m.id)) return;
  if (m.kind === 'reaction') { mark(m); return; }
  const list = $('timeline');
  list.querySelector('.empty')?.remove();
  const end = atEnd();
  list.append(line(m));
  if (end) list.scrollTop = list.scrollHeight;
}

function atEnd() {
  const list = $('timeline');
  return list.scrollHeight - list.scrollTop - list.clientHeight < 80;
}

// mark puts a reaction under what it is to, if that is shown.
function mark(m) {
  const to = lines.get(m.reply_to);
  if (!to) return;
  to.querySelector('.reactions').append(el('span', { title: visible(m.mine ? 'you' : m.name), text: visible(m.text) }));
  lines.set(m.id, to);
}

function progress(at, p) {
  at.textContent = {
    queued: 'queued: nobody else has it yet', handed: `handed to ${p.peers} peer${p.peers === 1 ? '' : 's'}`,
    delivered: `delivered ${p.delivered}/${p.of}`, read: `delivered ${p.delivered}/${p.of}, read by ${p.read}/${p.people}`, held: 'held: somebody new would read it',
  }[p.state] ?? p.state;
  at.dataset.state = p.state;
}

const quoted = (id) => visible(lines.get(id)?.querySelector('.body')?.textContent.slice(0, 120) ?? 'an earlier message');

function note(kind, text) {
  $('timeline').append(el('li', { class: 'note ' + kind, text: visible(text) }));
  $('timeline').scrollTop = $('timeline').scrollHeight;
}

// worth says whether an event has a place between the messages. Whoever comes,
// goes or changes a device always has, and nothing on the page takes it away.
const worth = (e) => told.includes(e.type) && (e.type !== 'group' || e.change?.what !== 'joined');

function entry(e) {
  return el('li', { class: ['note', e.type, (e.member?.change ?? '').startsWith('device') ? 'device' : e.member?.change === 'keys' ? 'keys' : ''].filter(Boolean).join(' '), 'data-cursor': e.cursor },
    el('time', { datetime: e.at, text: clock(e.at) }), ' ', visible(e.text));
}

// happened shows an event once, though it may come with the past and live.
function happened(e) {
  if (notes.some((n) => n.cursor === e.cursor)) return;
  notes.push(e);
  $('timeline').append(entry(e));
  $('timeline').scrollTop = $('timeline').scrollHeight;
}

// event is one line of the node's log.
export async function event(e) {
  try {
    if (['invitation', 'contact', 'group'].includes(e.type)) await refresh();
    if (e.type === 'trouble' && !e.group) note('trouble', e.text);
    if (!current && groups.length) { await open(groups[0].id); return; }
    if (e.type === 'message' && e.group !== current?.id) { await refresh(); return; }
    if (!current || e.group !== current.id) { if (e.type === 'peer' && current) await detail(); return; }
    if (e.type === 'message') { add(e.message); await refresh(); await markRead(); }
    if (e.type === 'delivery') { const li = lines.get(e.delivery.message); if (li) progress(li.fate, e.delivery.progress); }
    if (worth(e)) happened(e);
    if (e.type === 'operation' && ['denied', 'superseded', 'expired'].includes(e.operation.state)) note('trouble', e.text);
    if (['member', 'epoch', 'fork', 'group'].includes(e.type)) await detail();
  } catch (err) { note('trouble', err.message); }
}

async function detail() {
  current = await get('groups/' + seg(current.id));
  head();
}

async function send() {
  const text = $('text').value;
  if (!text.trim() || !current) return;
  $('text').value = '';
  const to = reply;
  answer(null);
  try {
    const r = await post('groups/' + seg(current.id) + '/messages', { text, reply_to: to?.id });
    add(r.message);
  } catch (e) { $('text').value = text; note('trouble', e.message); }
}

function answer(m) {
  reply = m;
  $('replying').hidden = !m;
  if (m) { $('replying').textContent = 'Replying to: ' + quoted(m.id) + ' (Escape to stop)'; $('text').focus(); }
}

function react(m) {
  ask('React', [el('div', { class: 'tools' }, ...['👍', '❤️', '😄', '🎉', '😮', '😢'].map((r) => el('button', { text: r, type: 'button', onclick: guard(async () => {
    $('ask').close();
    add((await post('groups/' + seg(current.id) + '/messages', { text: r, kind: 'reaction', reply_to: m.id })).message);
  }) })))], null);
}

async function why(message) {
  const w = await get('groups/' + seg(current.id) + '/why?about=' + seg(message));
  const rows = [['Known', (w.facts ?? []).join(' ')], ['Missing', (w.missing ?? []).join('; ')], ['Cause', w.cause], ['To do', w.fix], ['Privacy', w.privacy]].filter((r) => r[1]);
  ask('Why', [el('p', { text: w.verdict }), el('dl', {}, ...rows.flatMap(([k, v]) => [el('dt', { text: k }), el('dd', { text: v })]))], null);
}

function newGroup() {
  ask('New group', [field('Name', { name: 'name', required: true, maxlength: 64 })], async (f) => {
    const g = await post('groups', { name: f.name });
    await refresh();
    await open(g.id);
  }, 'Create');
}

async function newLink(group) {
  try {
    const l = await post('links', { group, uses: 1, ttl_seconds: 86400 });
    const src = await qr(l.url);
    ask('Invitation', [el('p', { text: 'Good once, until ' + new Date(l.expires).toLocaleString() + '. Give it to one person; whoever uses it first is a contact of yours.' }),
      el('img', { class: 'qr', src, alt: 'The link as a QR code' }), el('code', { class: 'link', text: l.url }),
      el('div', { class: 'tools' }, el('button', { type: 'button', id: 'copy', text: 'Copy the link', onclick: () => copy(l.url) }))], null);
  } catch (e) { ask('No link could be made', [el('p', { text: e.message })], null); }
}

async function copy(text) {
  try { await navigator.clipboard.writeText(text); $('copy').textContent = 'Copied'; } catch { $('copy').textContent = 'Choose the text and copy it'; }
}

function addContact() {
  ask('Add a contact', [field('Their link (covey:…)', { name: 'link', required: true, autocomplete: 'off' }), field('What you call them', { name: 'name', maxlength: 64 }),
    field('A word to them', { name: 'hello', maxlength: 256 })], async (f) => {
    await post('contacts', { link: f.link.trim(), name: f.name || undefined, hello: f.hello || undefined });
    await refresh();
  }, 'Add');
}

async function invite() {
  const known = (await get('contacts') ?? []).filter((c) => c.state === 'known' && !current.roster.some((m) => m.account === c.account));
  if (!known.length) { ask('Invite', [el('p', { text: 'All your contacts are here already. Add one first, or make a link.' })], null); return; }
  ask('Invite to ' + visible(current.name), [el('label', {}, 'Contact', el('select', { name: 'contact' }, ...known.map((c) => el('option', { value: c.account, text: visible(c.name || c.claims) }))))],
    (f) => post('groups/' + seg(current.id) + '/members', { contact: f.contact }), 'Invite');
}

function rename() {
  ask('Rename the group', [field('Name', { name: 'name', required: true, maxlength: 64, value: current.name })], (f) => call('PATCH', 'groups/' + seg(current.id), { name: f.name }), 'Rename');
}

function leave() {
  ask('Leave ' + visible(current.name) + '?', [el('p', { text: 'You will read nothing that is sent after. What you have stays here.' })], () => post('groups/' + seg(current.id) + '/leave'), 'Leave');
}

async function about(m) {
  const at = 'groups/' + seg(current.id) + '/members/' + seg(m.account);
  const body = [el('p', { class: 'print id', text: m.account })];
  if (m.contact) {
    const c = await get('contacts/' + seg(m.account));
    body.push(el('p', { text: 'Compare these words with them, aloud or side by side. Both see the same:' }), el('div', { class: 'with-code' }, el('div', {}, el('p', { class: 'print words', text: c.words }), el('p', { class: 'print', text: c.number })),
        el('img', { class: 'qr', src: await qr(c.number), alt: 'The number as a QR code' })),
      el('button', { type: 'button', class: c.verified ? '' : 'do', text: c.verified ? 'Not verified after all' : 'They match', onclick: guard(async () => { await post('contacts/' + seg(m.account) + '/verify', { verified: !c.verified }); $('ask').close(); await detail(); }) }), ' ',
      el('button', { type: 'button', text: c.state === 'blocked' ? 'Unblock' : 'Block', onclick: guard(async () => { await post('contacts/' + seg(m.account) + '/block', { blocked: c.state !== 'blocked' }); $('ask').close(); await detail(); }) }), ' ');
  }
  body.push(el('label', { class: 'part' }, 'Role', el('select', { name: 'role' }, ...['member', 'admin', 'owner'].map((r) => el('option', { value: r, text: r, selected: r === m.role })))),
    el('button', { type: 'button', text: 'Remove from the group', onclick: guard(async () => { await call('DELETE', at); $('ask').close(); }) }));
  ask('About ' + visible(m.name), body, async (f) => { if (f.role !== m.role) await call('PATCH', at, { role: f.role }); }, 'Save role');
}

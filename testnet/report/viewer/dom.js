// Building the page. What others wrote enters through textContent only, so
// that no name and no message is ever markup.

export const $ = (id) => document.getElementById(id);

export function el(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  fill(e, props);
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== ''));
  return e;
}

const svgSpace = 'http://www.w3.org/2000/svg';

export function svg(tag, props = {}, ...children) {
  const e = document.createElementNS(svgSpace, tag);
  for (const [k, v] of Object.entries(props)) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else e.setAttribute(k, v);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

function fill(e, props) {
  for (const [k, v] of Object.entries(props)) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (k === 'class') e.className = v;
    else if (k === 'text') e.textContent = v;
    else if (v !== undefined && v !== false) e.setAttribute(k, v === true ? '' : v);
  }
}

// name shows what a person called themselves, isolated from the text around
// it, so that its writing direction stays its own.
export const name = (s) => el('bdi', { text: visible(s) || '(no name)' });

// visible makes control characters, and those that reorder text or are not seen,
// show as such; the terminal has the same list (tui.Deceives).
export function visible(s) {
  return String(s ?? '').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
}

export const clock = (t) => new Date(t).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

// colour gives an epoch its colour: the same id, the same colour, everywhere.
export function colour(id) {
  let h = 0;
  for (const c of String(id)) h = (h * 31 + c.charCodeAt(0)) >>> 0;
  return `hsl(${h % 360} 55% ${46 + (h >> 9) % 14}%)`;
}

// ask opens a dialog whose body is built by the caller. ok is called with the
// form's fields when the person agrees; what it throws is shown, and the
// dialog stays.
export function ask(title, body, ok, okText = 'OK') {
  const d = $('ask');
  $('ask-title').textContent = title;
  $('ask-body').replaceChildren(...body);
  $('ask-error').textContent = '';
  const button = $('ask-ok');
  button.textContent = okText;
  button.hidden = !ok;
  button.onclick = async (event) => {
    event.preventDefault();
    try {
      await ok(Object.fromEntries(new FormData(d.querySelector('form'))));
      d.close();
    } catch (e) {
      $('ask-error').textContent = e.message;
    }
  };
  if (!d.open) d.showModal();
  d.querySelector('input,select')?.focus();
}

export const field = (label, props) => el('label', {}, label, el('input', props));

// guard shows what a handler throws.
export const guard = (f) => () => Promise.resolve(f()).catch((e) => ask('That did not work', [el('p', { text: e.message })], null));

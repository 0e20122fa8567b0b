// Live updates, keys and timers. Without it every page can be read and every form sent; it decides nothing.
(() => {
  const root = document.documentElement, kept = window.localStorage;
  const one = (what, where = document) => where.querySelector(what);
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const EDITED = '.rappel:has(.modifier[open])';
  const TYPED = 'input:not([type=checkbox]), textarea, select';

  // the theme stands before the first paint
  const theme = (name) => (name ? (root.dataset.theme = name) : delete root.dataset.theme);
  theme(kept.theme);

  // ---- parts of the page that change by themselves
  const running = new Set(), again = new Set(), mine = new Map();
  let versions = new Map(), skew = 0, toast, toastEnd, lost;
  // how many callbacks there are, and late ones: by the part that was read last, else as the page came
  const counts = () => (one('main [data-compte]') || document.body).dataset;
  // what is said at the bottom of the page leaves by itself
  const fade = () => {
    clearTimeout(toastEnd);
    toastEnd = setTimeout(() => all('#toast, #refus').forEach((words) => words.replaceChildren()), 10000);
  };
  const rows = () => new Map(all('.rappel').map((row) => [row.id, row.dataset.version]));

  const refresh = async (part) => {
    if (!part) return;
    const { id } = part;
    if (running.has(id)) return again.add(id);
    running.add(id);
    const address = part.dataset.src || location.pathname + location.search;
    try {
      await htmx.ajax('GET', address, { source: part, target: part, select: '#' + id, swap: 'outerMorph' });
    } catch { /* the strip says that the link is lost */ }
    running.delete(id);
    if (again.delete(id)) setTimeout(() => refresh(one('#' + id)), 50);
  };
  const refreshAll = (kind) => all(`[data-live${kind ? `~=${kind}` : ''}]`).forEach(refresh);

  // what another person changed lights up; what this one did does not
  const settle = () => {
    const next = rows(), old = Date.now() - 3000;
    for (const [id, version] of next) {
      if (versions.get(id) !== version && !(mine.get(id) > old)) {
        const row = one('#' + id);
        row.classList.add('eclair');
        setTimeout(() => row.classList.remove('eclair'), 2000);
      }
    }
    versions = next;
    const { compte, retard } = counts();
    document.title = document.title.replace(/^(\(\d+\) )?/, compte > 0 ? `(${compte}) ` : '');
    const icon = one('link[rel=icon]');
    icon.href = icon.href.replace(/favicon.*$/, retard > 0 ? 'favicon-retard.svg' : 'favicon.svg');
    if (toast !== one('#toast')) {
      toast = one('#toast');
      fade();
    }
    announce();
    offer();
    tick();
  };

  // said at each new state of a double call; the field is given the focus only if nobody types elsewhere
  const said = new Map();
  const announce = () => all('[data-annonce]').forEach((call) => {
    const { id, etat, annonce } = call.dataset;
    if (said.get(id) === etat) return;
    said.set(id, etat);
    one('#annonce').textContent = annonce;
    if (document.activeElement === document.body && call.matches('.appel2')) one('[name=name]', call)?.focus();
  });

  // after a call of this person the late ones are offered, never forced
  let talked = false;
  const offer = () => {
    const { personne } = document.body.dataset, { retard } = counts();
    const talks = all('#ligne [data-qui]').some(({ dataset }) => dataset.qui === personne && dataset.etat === 'en appel');
    if (talked && !talks && retard > 0 && one('#file') && !one('#toast p')) {
      const said = Object.assign(document.createElement('p'), { textContent: `Appel terminé. ${retard} en retard.` });
      const go = Object.assign(document.createElement('a'), { href: '/?vue=entre', className: 'bouton', textContent: 'Entre deux clients' });
      one('#toast').replaceChildren(said, go);
      fade();
    }
    talked = talks;
  };

  const tick = () => {
    all('[data-since]').forEach(turn);
    // what could be said for a while only
    if (!lost && all('[data-jusque]').some(({ dataset }) => Date.parse(dataset.jusque) <= Date.now() + skew)) refresh(one('#appel2'));
  };
  const turn = (timer) => {
    const seconds = Math.max(0, Math.round((Date.now() + skew - Date.parse(timer.dataset.since)) / 1000));
    const two = (n) => String(n).padStart(2, '0');
    timer.textContent = `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
    const { ambre, rouge } = timer.dataset;
    if (rouge) timer.dataset.niveau = seconds >= rouge ? 'rouge' : seconds >= ambre ? 'ambre' : '';
  };

  // ---- the link
  const link = (up, since) => {
    if (up === !lost) return;
    lost = !up;
    const strip = one('#coupure');
    strip.hidden = up;
    one('span', strip).dataset.since = new Date(since + skew || 0).toISOString();
    all('main button').forEach((button) => (button.disabled = lost));
    tick();
    refreshAll(up ? '' : 'line');
  };
  const heard = ({ kind, since }) => {
    if (kind === 'up' || kind === 'down') link(kind === 'up', since);
    else if (kind === 'snapshot') refreshAll('');
    else if (kind !== 'start') refreshAll(kind);
  };
  const listen = () => {
    if (!window.SharedWorker) return follow(heard);
    const { port } = new SharedWorker(one('script[src$="events.js"]').src);
    port.onmessage = ({ data }) => heard(data);
    addEventListener('pagehide', () => port.postMessage('bye'));
    addEventListener('pageshow', (event) => event.persisted && location.reload());
  };

  // its field called "id" hides a form's own
  const key = (form) => form.getAttribute('id');

  // ---- focus: what is sent leaves, the next row is there
  let left;
  addEventListener('htmx:before:request', ({ target }) => {
    const row = target.closest?.('.rappel');
    if (row && target.matches('form')) mine.set(row.id, Date.now());
    if (target.matches?.('form')) one('#refus').replaceChildren();
  });

  // ---- refusals: a sentence at its place, else above the toast; they replace nothing, and a part that could not be read is read again later
  const words = (html) => new DOMParser().parseFromString(html, 'text/html').body.textContent.trim();
  const escaped = (text) => Object.assign(document.createElement('p'), { textContent: text }).innerHTML;
  addEventListener('htmx:after:request', ({ detail: { ctx } }) => {
    const { headers } = ctx.response;
    if (headers.get('content-type') === 'application/problem+json') ctx.text = escaped(JSON.parse(ctx.text).detail);
  });
  const refused = ({ ctx, tasks }) => {
    if (ctx.response.status < 400 || tasks.some(({ target }) => target?.matches('.erreur'))) return false;
    if (ctx.sourceElement.matches('[data-live]')) return true;
    one('#refus').textContent = words(ctx.text) || 'Cette demande a été refusée.';
    fade();
    return true;
  };

  addEventListener('htmx:before:swap', (event) => {
    const { ctx, tasks } = event.detail;
    if (refused(event.detail)) return event.preventDefault();
    // what was noted leaves the form
    if (ctx.response.status < 400 && ctx.sourceElement.matches('#nouveau form')) {
      ctx.sourceElement.reset();
      one('#nouveau').open = false;
      one('#nouveau > summary').focus();
    }
    // of two answers that cross the first still knows where the focus was
    const row = document.activeElement.closest('.rappel');
    if (document.activeElement !== document.body) left = row && { at: Date.now(), row: row.id, next: (row.nextElementSibling || row.previousElementSibling)?.id, edit: ctx.sourceElement?.closest('.modifier') };
    // a field that waits for its first key follows too
    const field = document.activeElement, form = field.closest('form.brouillon');
    const told = form && !field.matches('.tape') && tasks.map(({ fragment }) => fragment && one('#' + key(form), fragment)).find(Boolean);
    if (told && told.elements[field.name]) field.value = told.elements[field.name].value;
    // a row that is being edited stays, even if it left the view
    const list = tasks.find(({ target }) => target?.id === 'file')?.fragment.querySelector('.rappels');
    if (list) all(EDITED).forEach((edited) => one('#' + edited.id, list) || list.append(edited.cloneNode(true)));
  });
  addEventListener('htmx:after:swap', () => {
    if (left && Date.now() - left.at < 1000 && document.activeElement === document.body) {
      const row = one('#' + left.row) || (left.next && one('#' + left.next)) || one('#titre-file');
      ((left.edit && one('.modifier > summary', row)) || row)?.focus();
      left = null;
    }
    settle();
  });
  addEventListener('toggle', ({ target }) => {
    if (target.matches?.('.modifier') && !target.open) refresh(one('#file'));
    if (target.matches?.('.modifier, .reporter') && target.open) one('textarea, input:not([type=hidden]), button', target)?.focus();
  }, true);

  // ---- the draft of the double call goes to the service while it is typed, sooner than a hand goes from the keyboard to the telephone;
  // of two screens each sends what was typed there and follows the other in the rest; what is not sent yet stays with the tab
  const unsent = window.sessionStorage;
  const typed = (form) => {
    const body = new URLSearchParams({ id: form.elements.id.value });
    all('.tape', form).forEach(({ name, value }) => body.set(name, value));
    return body.toString();
  };
  const waiting = () => Object.keys(unsent).filter((id) => id.startsWith('brouillon-'));
  let soon, sending;
  const later = (wait = 300) => (soon ||= setTimeout(send, wait));
  const send = async () => {
    soon = 0;
    // one after the other: an older one must not arrive last
    if (sending) return later();
    sending = true;
    let again;
    for (const id of waiting()) {
      const body = unsent[id];
      try {
        const headers = { 'HX-Request': 'true', 'Content-Type': 'application/x-www-form-urlencoded' };
        const { status } = await fetch('/second-call/draft', { method: 'POST', body, redirect: 'manual', headers });
        if (status >= 500) again = true;
        // signed out: it is sent after the next signing in
        else if (status !== 401 && unsent[id] === body) unsent.removeItem(id);
      } catch { again = true; }
    }
    sending = false;
    if (again) later(1000);
  };
  addEventListener('input', ({ target }) => {
    const form = target.closest?.('form.brouillon');
    if (!form) return;
    target.classList.add('tape');
    unsent[key(form)] = typed(form);
    later();
  });
  addEventListener('DOMContentLoaded', () => {
    for (const id of waiting()) {
      const form = document.getElementById(id);
      for (const [name, value] of form ? new URLSearchParams(unsent[id]) : []) {
        const field = form.elements[name];
        field.value = value;
        field.classList.toggle('tape', name !== 'id');
      }
      later();
    }
  });

  // ---- keys
  const here = () => document.activeElement.closest('.rappel') || one('.carte');
  const step = (by) => {
    const list = all('.rappel').filter((row) => row.checkVisibility()), at = list.indexOf(document.activeElement.closest('.rappel'));
    list[at < 0 ? 0 : Math.min(Math.max(at + by, 0), list.length - 1)]?.focus();
  };
  const press = (what) => () => {
    const row = here();
    if (row) one(what, row)?.click(); else step(0);
  };
  const unfold = (what) => () => {
    const row = here(), fold = row && one(what, row);
    if (fold) fold.open = true; else step(0);
  };
  const keys = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
    a: press('.appeler'), f: press('.fait'), r: unfold('.reporter'), e: unfold('.modifier'),
    1: press('[data-touche="1"]'), 2: press('[data-touche="2"]'), 3: press('[data-touche="3"]'), 4: press('[data-touche="4"]'),
    n: () => one('#entre')?.click(), z: () => one('#toast button')?.click(), '/': () => one('#q')?.focus(),
    '?': () => { const help = one('#aide'); help.open = !help.open; one('summary', help).focus(); },
  };
  // the rest of a word whose form left under the hand: no letter of it is a command
  let field, last;
  const cut = (event) => {
    const { key, target } = event, now = Date.now();
    if (target.closest(TYPED)) field = key !== 'Enter' && target;
    else if (!field || field.isConnected || target !== document.body || key.length > 1 || now - last > 2000) return;
    else event.preventDefault();
    last = now;
    return true;
  };
  // a key that is held goes on walking; it does nothing else twice, and writes nothing into the field that it opened
  const WALK = ['j', 'k', 'ArrowDown', 'ArrowUp'];
  let held;
  addEventListener('keydown', (event) => {
    const { key, target, repeat } = event;
    if (!repeat) held = null;
    else if (key === held && !WALK.includes(key)) return event.preventDefault();
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (key === 'Escape') {
      const fold = target.closest('details[open]');
      if (!fold) return;
      one('form', fold)?.reset();
      fold.open = false;
      return one('summary', fold).focus();
    }
    if (cut(event) || kept.touches === 'non' || !keys[key] || (repeat && !WALK.includes(key))) return;
    event.preventDefault();
    held = key;
    keys[key]();
  });

  addEventListener('DOMContentLoaded', () => {
    const address = new URL(location);
    address.searchParams.delete('avis');
    history.replaceState(null, '', address);
    const button = one('#theme'), dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    if (!button) return;
    const show = () => button.setAttribute('aria-pressed', dark());
    button.hidden = false;
    button.onclick = () => { kept.theme = dark() ? 'light' : 'dark'; theme(kept.theme); show(); };
    show();
    const touches = one('#touches');
    touches.checked = kept.touches !== 'non';
    touches.onchange = () => (kept.touches = touches.checked ? 'oui' : 'non');
    skew = Date.parse(one('#ligne').dataset.now) - Date.now();
    versions = rows();
    settle();
    setInterval(tick, 1000);
    setInterval(() => lost || refreshAll(), 30000);
    listen();
  });
})();

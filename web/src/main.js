/* Routes between the overview and the dashboards, and feeds them from one stream of events. */
import { ConsoleView } from './console.js';
import { DashboardView } from './dashboard.js';
import { fill, h } from './dom.js';
import { isDark } from './chart.js';

const main = document.getElementById('main');
const top_ = document.getElementById('top');
let view = null;
let events = null;
let dashboards = [];

const live = h('span', { class: 'live', title: 'connecting' }, h('i'), 'live');
const nav = h('nav', { class: 'links' });
const toggle = h('button', { class: 'theme', title: 'Light or dark', 'aria-label': 'Light or dark', onclick: switchTheme }, '◐');

function switchTheme() {
  const next = isDark() ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  localStorage.setItem('theme', next);
  if (view && view.recolor) view.recolor();
}

function setLive(on) {
  live.dataset.on = on;
  live.title = on ? 'new data arrives by itself' : 'not connected, trying again';
}

function drawTop(path) {
  const link = (href, text) => h('a', { href, 'data-link': true, class: href === path ? 'active' : '' }, text);
  fill(nav, link('/', 'Overview'), dashboards.map((d) => link(`/dashboards/${encodeURIComponent(d.name)}`, d.title)));
  fill(top_, h('a', { class: 'brand', href: '/', 'data-link': true }, h('img', { src: '/static/icon.svg', alt: '' }), 'Paystreak'), nav, live, toggle);
}

async function getJson(url) {
  const r = await fetch(url);
  const body = await r.json();
  if (!r.ok) throw new Error(body.message || r.statusText);
  return body;
}

function listen(name, filters) {
  if (events) events.close();
  const query = name ? `?dashboard=${encodeURIComponent(name)}${filters ? `&filters=${encodeURIComponent(filters)}` : ''}` : '';
  events = new EventSource(`/api/events${query}`);
  events.onopen = () => setLive(true);
  events.onerror = () => setLive(false);
  events.addEventListener('data', (e) => { if (view instanceof DashboardView) view.take(JSON.parse(e.data)); });
  events.addEventListener('state', (e) => { if (view instanceof ConsoleView) view.show(JSON.parse(e.data)); });
}

function show(next) {
  if (view) view.close();
  view = next;
  fill(main, next.el);
}

async function route() {
  const path = location.pathname;
  try {
    dashboards = await getJson('/api/dashboards');
    drawTop(path);
    const m = /^\/dashboards\/([^/]+)$/.exec(path);
    if (m) {
      const name = decodeURIComponent(m[1]);
      const d = new DashboardView(await getJson(`/api/dashboards/${encodeURIComponent(name)}`), (filters) => { if (view === d) listen(name, filters); });
      document.title = `${d.definition.title} · Paystreak`;
      show(d);
      listen(name);
    } else {
      document.title = 'Paystreak';
      show(new ConsoleView(dashboards));
      listen(null);
    }
  } catch (e) {
    drawTop(path);
    fill(main, h('div', { class: 'failure' }, h('h1', {}, 'This page cannot be shown'), h('p', {}, String(e.message || e)), h('a', { href: '/', 'data-link': true }, 'Overview')));
  }
}

document.addEventListener('click', (e) => {
  const a = e.target.closest('a[data-link]');
  if (!a || e.metaKey || e.ctrlKey || e.shiftKey || e.button !== 0) return;
  e.preventDefault();
  history.pushState(null, '', a.href);
  route();
});
addEventListener('popstate', route);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => view && view.recolor && view.recolor());
setInterval(() => view && view.tick && view.tick(), 1000);
setLive(false);
route();

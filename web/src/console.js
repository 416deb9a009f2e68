/* The overview: what runs, where it listens, how far the data is. Drawn anew from each state. */
import { fill, h } from './dom.js';
import { ago, compact, count, duration, toDate, toNumber } from './format.js';
import { sparkOption } from './chart.js';

const LAYERS = ['bronze', 'silver', 'gold'];
const HISTORY = 120;

function badge(status) {
  const s = (status || 'unknown').toLowerCase();
  return h('span', { class: `badge status-${s}` }, h('i'), s);
}

const schemaOf = (name) => name.split('.').slice(-2, -1)[0] || 'default';
const shortName = (name) => name.split('.').slice(-1)[0];

function layerOf(table) {
  const s = schemaOf(table.name);
  return LAYERS.includes(s) ? s : 'other';
}

/* Events per second of the parts of a kind; what functions send comes again in the hub. */
function total(parts, kind) {
  return parts.filter((p) => p.kind === kind).reduce((n, p) => n + (toNumber(p.rate) || 0), 0);
}

/* Without what only the terminal should show: the code of a login. */
const shownAddress = (address) => address.replace(/\/?(login)?\?.*$/, '');

/* One box of the way from the event to its readers. */
function stage(label, value, detail, on) {
  return h('div', { class: on ? 'stage on' : 'stage' }, h('span', { class: 'stage-name' }, label), h('span', { class: 'stage-value' }, value), h('span', { class: 'stage-detail' }, detail));
}

function panel(title, ...children) {
  return h('section', { class: 'panel' }, h('h2', {}, title), ...children);
}

function expectationBar(e) {
  const passed = toNumber(e.passed) || 0;
  const failed = toNumber(e.failed) || 0;
  const share = passed + failed ? (failed / (passed + failed)) * 100 : 0;
  return h('tr', {}, h('td', { title: `${e.dataset} ${e.name}` }, h('span', { class: 'muted' }, `${(e.dataset || '').replace(/^[^.]*\.(?=[^.]*\.)/, '')} `), e.name), h('td', { class: 'muted' }, e.action || ''),
    h('td', { class: 'number' }, count(passed)), h('td', { class: failed ? 'number bad' : 'number' }, count(failed)),
    h('td', { class: 'bar-cell' }, h('div', { class: 'bar' }, h('div', { class: 'bar-bad', style: { width: `${failed ? Math.max(3, share) : 0}%` } }))));
}

export class ConsoleView {
  constructor(dashboards) {
    this.dashboards = dashboards;
    this.rates = [];
    this.stages = h('div', { class: 'stages' });
    this.spark = h('div', { class: 'rate-chart' });
    this.rate = h('div', { class: 'counter-value' }, '–');
    this.rest = h('div', { class: 'panels' });
    this.title = h('h1', {}, 'Overview');
    this.since = h('span', { class: 'updated' });
    this.el = h('div', { class: 'console' }, h('div', { class: 'page-head' }, this.title, this.since),
      h('div', { class: 'flow' }, this.stages, h('section', { class: 'panel rate' }, h('h2', {}, 'Events per second'), this.rate, this.spark)), this.rest);
    this.observer = new ResizeObserver(() => this.chart && this.chart.resize());
    this.observer.observe(this.spark);
    this.show({});
  }

  show(state) {
    this.state = state;
    const tables = state.tables || [];
    const rate = total(state.parts || [], 'hub');
    this.rates.push(rate);
    if (this.rates.length > HISTORY) this.rates.shift();
    this.title.textContent = state.project || 'Overview';
    this.rate.textContent = compact(rate);
    this.drawRate();
    this.drawStages(state, tables);
    const column = (...panels) => h('div', { class: 'column' }, ...panels);
    fill(this.rest, column(this.dashboardCards(), this.pipelinesPanel(state.pipelines || []), this.jobsPanel(state.jobs || [])),
      column(this.partsPanel(state.parts || []), this.tablesPanel(tables)));
    this.tick();
  }

  drawRate() {
    if (!this.spark.isConnected || !window.echarts) return;
    if (!this.chart) this.chart = window.echarts.init(this.spark);
    this.chart.setOption({ ...sparkOption(this.rates), animation: false });
  }

  drawStages(state, tables) {
    const parts = state.parts || [];
    const kind = (k) => parts.filter((p) => p.kind === k);
    const address = (name) => { const p = parts.find((x) => x.name === name); return p && p.address ? shownAddress(p.address) : ''; };
    const plural = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;
    const functions = kind('function'), hubs = kind('hub');
    const boxes = [];
    boxes.push(stage('functions', functions.length ? functions.map((p) => p.name).join(', ') : '–', functions.length ? plural(functions.length, 'function') : 'none', functions.length > 0));
    boxes.push(stage('event hub', hubs.length ? `${compact(total(parts, 'hub'))}/s` : '–', hubs.length ? address('kafka') || plural(hubs.length, 'hub') : 'none', hubs.length > 0));
    for (const layer of LAYERS) {
      const list = tables.filter((t) => layerOf(t) === layer);
      const rows = list.reduce((n, t) => n + (toNumber(t.rows) || 0), 0);
      boxes.push(stage(layer, list.length ? `${compact(rows)} rows` : '–', plural(list.length, 'table'), list.length > 0));
    }
    const readers = this.dashboards.length;
    boxes.push(stage('readers', readers ? plural(readers, 'dashboard') : '–', address('postgres'), readers > 0 || address('postgres') !== ''));
    fill(this.stages, boxes);
  }

  dashboardCards() {
    if (!this.dashboards.length) return null;
    return panel('Dashboards', h('div', { class: 'cards' }, this.dashboards.map((d) => h('a', { class: 'card', href: `/dashboards/${encodeURIComponent(d.name)}`, 'data-link': true },
      h('strong', {}, d.title), h('span', { class: 'muted' }, d.name + (d.refused ? ` · ${d.refused} widget${d.refused === 1 ? '' : 's'} not supported` : ''))))));
  }

  partsPanel(parts) {
    if (!parts.length) return null;
    return panel('Parts', h('table', { class: 'parts' }, h('tbody', {}, parts.map((p) => h('tr', {}, h('td', {}, h('strong', {}, p.name)), h('td', {}, badge(p.status)),
      h('td', { class: 'muted', title: p.detail || '' }, p.address ? h('code', {}, shownAddress(p.address)) : p.detail || ''),
      h('td', { class: 'number' }, p.rate === undefined || p.rate === null ? '' : `${compact(p.rate)}/s`))))));
  }

  pipelinesPanel(pipelines) {
    if (!pipelines.length) return null;
    return panel('Pipelines', pipelines.map((p) => h('div', { class: 'item' },
      h('div', { class: 'item-head' }, h('strong', {}, p.name), badge(p.status), h('span', { class: 'muted' }, [p.mode, p.detail].filter(Boolean).join(' · ')),
        p.updated ? h('span', { class: 'muted right', 'data-ago': p.updated }, ago(p.updated)) : null),
      (p.expectations || []).length ? h('table', { class: 'dense expectations' }, h('thead', {}, h('tr', {}, ['expectation', 'action', 'passed', 'failed', ''].map((t, i) => h('th', { class: i === 2 || i === 3 ? 'align-right' : '' }, t)))),
        h('tbody', {}, p.expectations.map(expectationBar))) : null)));
  }

  jobsPanel(jobs) {
    if (!jobs.length) return null;
    return panel('Jobs', jobs.map((j) => h('div', { class: 'item' },
      h('div', { class: 'item-head' }, h('strong', {}, j.name), badge(j.status), j.schedule ? h('span', { class: 'muted' }, j.schedule) : null,
        j.finished || j.started ? h('span', { class: 'muted right', 'data-ago': j.finished || j.started }, ago(j.finished || j.started)) : null),
      (j.tasks || []).length ? h('div', { class: 'tasks' }, j.tasks.map((t) => h('span', { class: `task status-${(t.status || '').toLowerCase()}`, title: t.error || '' }, h('i'), t.key, t.ms ? h('span', { class: 'muted' }, duration(t.ms)) : null))) : null,
      j.error ? h('p', { class: 'bad' }, j.error) : null)));
  }

  tablesPanel(tables) {
    if (!tables.length) return null;
    const order = ['bronze', 'silver', 'gold', 'other'];
    const groups = order.map((l) => [l, tables.filter((t) => layerOf(t) === l)]).filter(([, list]) => list.length);
    return panel('Tables', groups.map(([layer, list]) => h('div', { class: 'item' }, h('h3', { class: `layer layer-${layer}` }, layer),
      h('table', { class: 'dense tables' }, h('tbody', {}, list.map((t) => h('tr', {}, h('td', { title: t.name }, layer === 'other' ? t.name : shortName(t.name)), h('td', { class: 'muted' }, t.kind || ''),
        h('td', { class: 'number' }, t.rows === undefined || t.rows === null ? '' : `${count(t.rows)} rows`),
        h('td', { class: 'number muted' }, t.version === undefined || t.version === null ? '' : `v${t.version}`),
        h('td', { class: 'number muted' }, t.updated ? h('span', { 'data-ago': t.updated }, ago(t.updated)) : ''))))))));
  }

  /* Once a second: ages go on without a new state. */
  tick() {
    for (const el of this.el.querySelectorAll('[data-ago]')) el.textContent = ago(el.dataset.ago);
    const d = toDate(this.state.started);
    this.since.textContent = d ? `up ${duration(Date.now() - d.getTime())}` : '';
  }

  recolor() {
    if (this.chart) this.chart.dispose();
    this.chart = null;
    this.drawRate();
  }

  close() {
    this.observer.disconnect();
    if (this.chart) this.chart.dispose();
  }
}

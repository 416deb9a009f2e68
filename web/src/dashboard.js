/* One dashboard: pages as tabs, widgets on the grid that the file gives, data as it is pushed. */
import { chartOption, sparkOption } from './chart.js';
import { fill, h, setText } from './dom.js';
import { formatDate, formatNumber, toNumber } from './format.js';
import { markdown } from './markdown.js';
import { TableView } from './table.js';

const REDRAW_MS = 1000;
const CHARTS = new Set(['bar', 'line', 'area', 'pie', 'scatter']);

/* A panel that knows how to show no data, an error and data. */
class Widget {
  constructor(def) {
    this.def = def;
    this.body = h('div', { class: 'widget-body' });
    this.note = h('div', { class: 'widget-note', hidden: true });
    this.el = h('section', {
      class: `widget kind-${def.kind}`, 'data-widget': def.name || '', 'data-columns': def.width,
      style: { gridColumn: `${def.x + 1} / span ${def.width}`, gridRow: `${def.y + 1} / span ${def.height}` },
    }, def.title ? h('h3', {}, def.title) : null, def.description ? h('p', { class: 'description' }, def.description) : null, this.body, this.note);
    if (def.refusal) this.refuse();
    else if (def.query >= 0) this.wait();
  }

  state(kind, title, detail, place) {
    this.el.dataset.state = kind;
    this.clear();
    fill(this.body, h('div', { class: `state state-${kind}`, title: [detail, place].filter(Boolean).join('\n') },
      h('strong', {}, title), detail ? h('span', {}, detail) : null, place ? h('code', {}, place) : null));
  }

  clear() {}
  wait() { this.el.dataset.state = 'waiting'; fill(this.body, h('div', { class: 'skeleton' })); }
  refuse() {
    const m = /^(\S+:\d+:\d+): ([^]*)$/.exec(this.def.refusal);
    this.state('refused', 'Not supported', m ? m[2] : this.def.refusal, m && m[1]);
  }

  take(result) {
    if (this.def.refusal) return;
    if (result.error) {
      const soon = result.error.code === 'NOT_FOUND' || /TABLE_OR_VIEW_NOT_FOUND/.test(result.error.message);
      this.state(soon ? 'empty' : 'error', soon ? 'Waiting for data' : 'The query failed', result.error.message);
    } else if (result.rows.length === 0) {
      this.state('empty', 'No rows', 'The query ran and found nothing yet.');
    } else {
      const fresh = this.el.dataset.state === 'data';
      if (!fresh) fill(this.body);
      this.el.dataset.state = 'data';
      this.draw(result, !fresh);
    }
  }

  /* The values changed while someone looked. */
  flash() {
    this.el.classList.remove('changed');
    void this.el.offsetWidth;
    this.el.classList.add('changed');
  }

  resize() {}
  recolor() {}
}

class ChartWidget extends Widget {
  clear() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.chart) this.chart.dispose();
    this.chart = null;
  }

  /* At most once in REDRAW_MS: drawing costs far more than receiving. */
  draw(result, first) {
    this.result = result;
    if (first || !this.chart) {
      const el = h('div', { class: 'chart' });
      fill(this.body, el);
      this.chart = window.echarts.init(el, null, { renderer: 'canvas' });
      this.paint();
    } else if (!this.timer) {
      this.timer = setTimeout(() => this.paint(), Math.max(0, this.paintedAt + REDRAW_MS - performance.now()));
    }
  }

  paint() {
    const result = this.result;
    this.timer = null;
    this.paintedAt = performance.now();
    try {
      this.chart.setOption(chartOption(this.def.kind, this.def.spec, result, this.chart.getWidth()), { replaceMerge: ['series'] });
    } catch (e) {
      this.state('error', 'The chart cannot be drawn', String(e.message || e));
    }
    this.note.hidden = !result.truncated;
    if (result.truncated) setText(this.note, `Only the first ${result.rows.length} rows are drawn`);
  }

  resize() { if (this.chart) this.chart.resize(); }
  recolor() { if (this.chart) { const r = this.result; this.clear(); this.draw(r, true); } }
}

class CounterWidget extends Widget {
  draw(result, first) {
    const e = this.def.spec.encodings || {};
    const index = (enc) => (enc && enc.fieldName ? result.columns.findIndex((c) => c.name === enc.fieldName) : -1);
    const [vi, ti, pi] = [index(e.value), index(e.target), index(e.period)];
    let rows = result.rows;
    if (pi >= 0) rows = [...rows].sort((a, b) => String(a[pi]).localeCompare(String(b[pi])));
    const row = pi >= 0 ? rows[rows.length - 1] : rows[Math.max(0, ((e.value && e.value.rowNumber) || 1) - 1)] || rows[0];
    if (first || !this.number) {
      this.number = h('div', { class: 'counter-value' });
      this.under = h('div', { class: 'counter-under' });
      this.spark = h('div', { class: 'counter-spark' });
      fill(this.body, this.number, this.under, this.spark);
      this.shown = null;
    }
    if (this.shown !== null && this.shown !== toNumber(row[vi])) this.flash();
    this.animate(vi >= 0 ? row[vi] : null, e.value && e.value.format);
    const under = [];
    if (!this.def.title && e.value && e.value.displayName) under.push(e.value.displayName);
    if (ti >= 0) under.push(`target ${formatNumber(row[ti], (e.target && e.target.format) || (e.value && e.value.format))}`);
    if (pi >= 0) under.push(formatDate(row[pi]));
    setText(this.under, under.join(' · '));
    const series = pi >= 0 ? rows.map((r) => toNumber(r[vi])) : [];
    this.drawSpark(series.length > 2 ? series : []);
  }

  /* Counts from the value shown to the new one. */
  animate(value, format) {
    const to = toNumber(value);
    const from = this.shown;
    this.shown = to;
    cancelAnimationFrame(this.frame);
    if (to === null || from === null || from === to || matchMedia('(prefers-reduced-motion: reduce)').matches) {
      setText(this.number, to === null && value !== null ? String(value) : formatNumber(value, format));
      return;
    }
    const start = performance.now();
    const whole = Number.isInteger(to) && Number.isInteger(from);
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - start) / 400)); // a frame's time may lie before the call
      const v = from + (to - from) * (1 - (1 - t) ** 3);
      setText(this.number, formatNumber(t === 1 ? value : whole ? Math.round(v) : v, format));
      if (t < 1) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  drawSpark(values) {
    this.spark.hidden = !values.length;
    if (!values.length) return;
    if (!this.chart) this.chart = window.echarts.init(this.spark);
    this.chart.setOption(sparkOption(values));
  }

  clear() {
    cancelAnimationFrame(this.frame);
    if (this.chart) this.chart.dispose();
    this.chart = this.number = null;
  }

  resize() { if (this.chart) this.chart.resize(); }
}

class TableWidget extends Widget {
  draw(result, first) {
    if (first || !this.view) {
      this.view = new TableView(this.def.spec);
      fill(this.body, this.view.el);
    }
    this.view.update(result);
  }

  clear() { this.view = null; }
}

class TextWidget extends Widget {
  constructor(def) {
    super(def);
    fill(this.body, ...markdown(def.markdown));
  }
}

/* A filter: what is selected is this viewer's; the server runs the queries for it. */
class FilterWidget extends Widget {
  constructor(def, choose) {
    super(def);
    this.choose = choose;
    this.chosen = new Set(def.filter.values);
    this.el.dataset.state = 'data';
    this.build();
  }

  wait() {}

  async send(selection) {
    Object.assign(this.def.filter, { values: [], min: null, max: null }, selection);
    const wrong = await this.choose(this.def.name, selection);
    this.note.hidden = !wrong;
    if (wrong) setText(this.note, wrong);
  }

  box(type, value, onchange) {
    return h('input', { type, value: value ?? '', 'aria-label': this.def.title || this.def.name, onchange });
  }

  build() {
    const f = this.def.filter;
    const one = () => this.send({ values: this.first.value ? [this.first.value] : [] });
    const ends = () => this.send({ min: this.first.value || null, max: this.last.value || null });
    const day = (v) => (/^\d{4}-\d\d-\d\d/.test(v || '') ? v.slice(0, 10) : '');
    if ((f.input === 'single' || f.input === 'multi') && this.def.query >= 0) {
      this.select = h('select', { 'aria-label': this.def.title || this.def.name, onchange: () => this.pick() });
      this.select.multiple = f.input === 'multi';
      fill(this.body, this.select);
    } else if (f.input === 'range' || f.input === 'numbers') {
      const [type, show] = f.input === 'range' ? ['date', day] : ['number', (v) => v];
      this.first = this.box(type, show(f.min), ends);
      this.last = this.box(type, show(f.max), ends);
      fill(this.body, this.first, this.last);
    } else {
      this.first = this.box(f.input === 'date' ? 'date' : 'text', f.input === 'date' ? day(f.values[0]) : f.values[0], one);
      fill(this.body, this.first);
    }
  }

  pick() {
    const values = [...this.select.selectedOptions].map((o) => o.value).filter((v) => v !== '');
    this.chosen = new Set(values);
    this.send({ values });
  }

  /* The values there are; what is chosen stays chosen. */
  take(result) {
    if (!this.select || result.error) return;
    const values = result.rows.map((r) => r[0]).filter((v) => v !== null).map(String).sort();
    const all = this.def.filter.input === 'single' ? [h('option', { value: '' }, 'All')] : [];
    fill(this.select, ...all, ...values.map((v) => {
      const option = h('option', { value: v }, v);
      option.selected = this.chosen.has(v);
      return option;
    }));
  }
}

function make(def, choose) {
  if (def.filter && !def.refusal) return new FilterWidget(def, choose);
  if (def.kind === 'text') return new TextWidget(def);
  if (def.kind === 'counter') return new CounterWidget(def);
  if (def.kind === 'table') return new TableWidget(def);
  return CHARTS.has(def.kind) ? new ChartWidget(def) : new Widget(def);
}

export class DashboardView {
  /* `listen(filters)`: follow the dashboard as it is with these. */
  constructor(definition, listen) {
    this.definition = definition;
    this.listen = listen;
    this.filters = {};
    this.results = new Map();
    this.updated = h('span', { class: 'updated' });
    this.grid = h('div', { class: 'grid' });
    this.tabs = h('nav', { class: 'tabs' });
    this.el = h('div', { class: 'dashboard' }, h('div', { class: 'page-head' }, h('h1', {}, definition.title), this.tabs, this.updated), this.grid);
    this.observer = new ResizeObserver(() => this.widgets.forEach((w) => w.resize()));
    this.observer.observe(this.grid);
    this.open(Math.max(0, definition.pages.findIndex((p) => p.widgets.length)));
  }

  open(index) {
    const page = this.definition.pages[index];
    (this.widgets || []).forEach((w) => w.clear());
    this.widgets = page ? page.widgets.map((w) => make(w, (...choice) => this.choose(...choice))) : [];
    this.grid.style.setProperty('--columns', page ? page.columns : 6);
    fill(this.grid, this.widgets.length ? this.widgets.map((w) => w.el) : h('p', { class: 'muted' }, 'This page has no widgets.'));
    if (this.definition.pages.length > 1) {
      fill(this.tabs, this.definition.pages.map((p, i) => h('button', { class: i === index ? 'tab active' : 'tab', onclick: () => this.open(i) }, p.title || p.name)));
    }
    for (const result of this.results.values()) this.show(result);
  }

  /* What is wrong with a selection, or nothing. */
  async choose(widget, selection) {
    const before = this.filters[widget];
    this.filters[widget] = selection;
    const filters = JSON.stringify(this.filters);
    const answer = await fetch(`/api/dashboards/${encodeURIComponent(this.definition.name)}?filters=${encodeURIComponent(filters)}`);
    if (answer.ok) {
      if (filters === JSON.stringify(this.filters)) this.listen(filters); // else a later choice is under way
      return '';
    }
    if (this.filters[widget] === selection) {
      if (before) this.filters[widget] = before;
      else delete this.filters[widget];
    }
    return (await answer.json().catch(() => ({}))).message || `The server said ${answer.status}`;
  }

  show(result) {
    for (const w of this.widgets) if (w.def.query === result.query) w.take(result);
  }

  take(result) {
    this.results.set(result.query, result);
    this.show(result);
    this.changedAt = result.at || this.changedAt;
    this.tick();
  }

  tick() {
    if (this.changedAt) setText(this.updated, `changed ${formatDate(this.changedAt, 'HH:mm:ss')} UTC`);
  }

  recolor() { this.widgets.forEach((w) => w.recolor()); }

  close() {
    this.observer.disconnect();
    this.widgets.forEach((w) => w.clear());
  }
}

/* A table widget: sortable by a click on a heading, searchable, large results cut with a word. */
import { fill, h } from './dom.js';
import { formatDate, formatPattern, toNumber } from './format.js';

const MAX_SHOWN = 500;
const NUMERIC = /^(tinyint|smallint|int|bigint|float|double|decimal)/i;

function columnsOf(spec, data) {
  const listed = spec && spec.encodings && spec.encodings.columns;
  const all = listed && listed.length
    ? [...listed].filter((c) => c.visible !== false).sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
    : data.columns.map((c) => ({ fieldName: c.name }));
  return all.map((c) => {
    const index = data.columns.findIndex((d) => d.name === c.fieldName);
    const type = index >= 0 ? data.columns[index].type : 'string';
    const numeric = c.displayAs === 'number' || (!c.displayAs && NUMERIC.test(type));
    return { ...c, index, type, numeric, title: c.title || c.displayName || c.fieldName, align: c.alignContent || (numeric ? 'right' : 'left') };
  });
}

function cellText(col, v) {
  if (v === null || v === undefined) return '';
  if (col.numeric) return formatPattern(v, col.numberFormat || (/^(tiny|small|big)?int/i.test(col.type) ? '0,0' : '0,0.[00]'));
  if (/^(date|timestamp)/i.test(col.type) || col.displayAs === 'datetime') return formatDate(v, col.dateTimeFormat);
  return typeof v === 'object' ? JSON.stringify(v) : String(v);
}

function compare(col, a, b) {
  const x = a[col.index], y = b[col.index];
  if (x === null || y === null) return (x === null) - (y === null);
  const n = toNumber(x), m = toNumber(y);
  return n !== null && m !== null ? n - m : String(x).localeCompare(String(y));
}

export class TableView {
  constructor(spec) {
    this.spec = spec;
    this.sort = null; // {name, down}
    this.search = '';
    this.head = h('thead');
    this.body = h('tbody');
    this.note = h('div', { class: 'table-note' });
    this.input = h('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search the table', oninput: () => { this.search = this.input.value.toLowerCase(); this.draw(); } });
    this.scroller = h('div', { class: 'table-scroll', tabindex: 0 }, h('table', {}, this.head, this.body));
    this.el = h('div', { class: 'table-view' }, this.scroller, this.note);
  }

  update(data) {
    this.data = data;
    this.columns = columnsOf(this.spec, data);
    const searchable = this.columns.some((c) => c.allowSearch) || data.rows.length > 20;
    if (searchable && !this.input.isConnected) this.el.prepend(h('div', { class: 'table-search' }, this.input));
    this.draw();
  }

  rows() {
    let rows = this.data.rows;
    if (this.search) rows = rows.filter((r) => this.columns.some((c) => cellText(c, r[c.index]).toLowerCase().includes(this.search)));
    const col = this.sort && this.columns.find((c) => c.fieldName === this.sort.name);
    if (col) rows = [...rows].sort((a, b) => (this.sort.down ? compare(col, b, a) : compare(col, a, b)));
    return rows;
  }

  draw() {
    const rows = this.rows();
    const arrow = (c) => (this.sort && this.sort.name === c.fieldName ? (this.sort.down ? ' ↓' : ' ↑') : '');
    const click = (c) => () => {
      const same = this.sort && this.sort.name === c.fieldName;
      this.sort = same && this.sort.down !== c.numeric ? null : { name: c.fieldName, down: same ? !this.sort.down : c.numeric };
      this.draw();
    };
    fill(this.head, h('tr', {}, this.columns.map((c) => h('th', { class: `align-${c.align}`, onclick: click(c) }, c.title + arrow(c)))));
    fill(this.body, rows.slice(0, MAX_SHOWN).map((r) => h('tr', {}, this.columns.map((c) => h('td', { class: `align-${c.align}${c.numeric ? ' number' : ''}` }, cellText(c, r[c.index]))))));
    const more = rows.length > MAX_SHOWN ? `The first ${MAX_SHOWN} of ${rows.length} rows` : '';
    this.note.textContent = this.data.truncated ? `${more || `${rows.length} rows`}; the result is longer than what is loaded` : more;
    this.note.hidden = !this.note.textContent;
  }
}

/* Numbers, dates and durations as people read them. */

const COMPACT = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'K']];

export function toNumber(v) {
  if (v === null || v === undefined || v === '') return null;
  const n = typeof v === 'number' ? v : Number(v);
  return Number.isFinite(n) ? n : null;
}

function places(n, spec) {
  const at = spec && Number.isInteger(spec.places) ? Math.min(spec.places, 20) : 2;
  if (!spec || spec.type === 'all') return { maximumFractionDigits: spec ? 20 : at };
  return spec.type === 'exact' ? { minimumFractionDigits: at, maximumFractionDigits: at } : { maximumFractionDigits: at };
}

/* Lakeview's format: {type, currencyCode, abbreviation, decimalPlaces: {type, places}}. */
export function formatNumber(v, format) {
  const n = toNumber(v);
  if (n === null) return v === null || v === undefined ? '–' : String(v);
  const f = format || {};
  const percent = f.type === 'number-percent';
  const opts = places(n, f.decimalPlaces);
  if (f.type === 'number-currency') {
    opts.style = 'currency';
    opts.currency = f.currencyCode || 'USD';
    opts.currencyDisplay = 'narrowSymbol';
    if (opts.minimumFractionDigits === undefined) opts.minimumFractionDigits = 0;
  }
  if (percent) opts.style = 'percent';
  if (f.hideGroupSeparator) opts.useGrouping = false;
  if (f.abbreviation === 'compact' && !percent) {
    for (const [size, letter] of COMPACT) {
      if (Math.abs(n) < size * 0.99995) continue;
      return new Intl.NumberFormat('en-US', opts).format(n / size) + letter;
    }
  }
  return new Intl.NumberFormat('en-US', opts).format(n);
}

/* A table column's pattern, numeral.js' way: "$0,0.00", "0%", "0.0a". */
export function formatPattern(v, pattern) {
  const n = toNumber(v);
  if (n === null) return v === null || v === undefined ? '' : String(v);
  const m = /^([^0#]*)([0#,]*)(\.([0#[\]]+))?(.*)$/.exec(pattern || '0,0.[00]');
  if (!m) return String(v);
  const fraction = m[4] || '';
  const optional = fraction.includes('[');
  const digits = fraction.replace(/[[\]]/g, '').length;
  let value = n;
  let tail = m[5];
  if (tail.includes('%')) value *= 100;
  if (tail.trim() === 'a') {
    tail = '';
    for (const [size, letter] of COMPACT) {
      if (Math.abs(value) >= size) { value /= size; tail = letter.toLowerCase(); break; }
    }
  }
  const text = new Intl.NumberFormat('en-US', {
    useGrouping: m[2].includes(','), minimumFractionDigits: optional ? 0 : digits, maximumFractionDigits: digits,
  }).format(Math.abs(value));
  return (value < 0 ? '-' : '') + m[1] + text + tail;
}

const pad = (n, w = 2) => String(n).padStart(w, '0');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/* "2024-01-02", "2024-01-02T03:04:05Z" or the same without zone (taken as UTC) -> Date, null. */
export function toDate(v) {
  if (typeof v !== 'string' || !/^\d{4}-\d\d(-\d\d)?/.test(v)) return null;
  const zoned = /Z$|[+-]\d\d:?\d\d$/.test(v) && v.length > 10;
  const d = new Date(zoned || v.length <= 10 ? v : v.replace(' ', 'T') + 'Z');
  return Number.isNaN(d.getTime()) ? null : d;
}

export function formatDate(v, pattern) {
  const d = toDate(v);
  if (!d) return v === null || v === undefined ? '' : String(v);
  const parts = {
    YYYY: d.getUTCFullYear(), MMM: MONTHS[d.getUTCMonth()], MM: pad(d.getUTCMonth() + 1), DD: pad(d.getUTCDate()),
    HH: pad(d.getUTCHours()), mm: pad(d.getUTCMinutes()), ss: pad(d.getUTCSeconds()), SSS: pad(d.getUTCMilliseconds(), 3),
  };
  const p = pattern || (String(v).length <= 10 ? 'YYYY-MM-DD' : 'YYYY-MM-DD HH:mm:ss');
  return p.replace(/YYYY|MMM|MM|DD|HH|mm|ss|SSS/g, (k) => parts[k]);
}

/* A point on a time axis, as coarse as the data: years, months, days or times. */
export function dateLabel(values) {
  const dates = values.map(toDate).filter(Boolean);
  const midnight = dates.every((d) => d.getTime() % 86400000 === 0);
  const firsts = midnight && dates.every((d) => d.getUTCDate() === 1);
  if (firsts && dates.every((d) => d.getUTCMonth() === 0)) return 'YYYY';
  if (firsts) return 'MMM YYYY';
  return midnight ? 'YYYY-MM-DD' : 'YYYY-MM-DD HH:mm';
}

export function ago(iso, now = Date.now()) {
  const d = toDate(iso);
  if (!d) return '';
  const s = Math.max(0, (now - d.getTime()) / 1000);
  if (s < 1.5) return 'now';
  if (s < 60) return `${Math.round(s)} s ago`;
  if (s < 3600) return `${Math.round(s / 60)} min ago`;
  if (s < 86400) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86400)} d ago`;
}

export function duration(ms) {
  const n = toNumber(ms);
  if (n === null) return '';
  if (n < 1000) return `${Math.round(n)} ms`;
  if (n < 60000) return `${(n / 1000).toFixed(1)} s`;
  return `${Math.floor(n / 60000)} min ${Math.round((n % 60000) / 1000)} s`;
}

export const count = (n) => formatNumber(n, { abbreviation: 'none', decimalPlaces: { type: 'max', places: 0 } });
export const compact = (n) => formatNumber(n, { abbreviation: 'compact', decimalPlaces: { type: 'max', places: 1 } });

/* Bar, line, area, scatter and pie: a widget's encodings and rows -> an ECharts option. */
import { dateLabel, formatDate, formatNumber, toDate, toNumber } from './format.js';

const PALETTE = {
  light: ['#d1930f', '#2f6fb3', '#2c9c83', '#c9553f', '#7d5cc4', '#4aa3c7', '#b04e79', '#7a9330', '#8d6e52', '#64748b'],
  dark: ['#f0b429', '#6aa9e9', '#4fc3a8', '#ef7f68', '#a98cf0', '#6cc6e8', '#e07fae', '#a9c456', '#c3a284', '#94a3b8'],
};
const MAX_SERIES = 60;

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

const fieldIndex = (data, name) => data.columns.findIndex((c) => c.name === name);
const titleOf = (e) => (e && (e.displayName || e.fieldName)) || '';
/* One field, or `fields` of several. */
const fieldsOf = (e) => (e && Array.isArray(e.fields) ? e.fields.map((f) => ({ ...f, scale: f.scale || e.scale, format: f.format || e.format })) : e && e.fieldName ? [e] : []);

function isTemporal(enc, data) {
  const f = fieldsOf(enc)[0];
  if (!f) return false;
  if (enc.scale && enc.scale.type) return enc.scale.type === 'temporal';
  const i = fieldIndex(data, f.fieldName);
  return i >= 0 && /^(date|timestamp)/i.test(data.columns[i].type);
}

/* Which way bars go: categories on y make them horizontal. */
function isHorizontal(spec, data) {
  const { x, y } = spec.encodings;
  const xq = x && x.scale && x.scale.type === 'quantitative';
  const yq = y && y.scale && y.scale.type === 'quantitative';
  if (xq === yq) {
    const i = fieldsOf(x)[0] ? fieldIndex(data, fieldsOf(x)[0].fieldName) : -1;
    const j = fieldsOf(y)[0] ? fieldIndex(data, fieldsOf(y)[0].fieldName) : -1;
    const numeric = (k) => k >= 0 && /^(tinyint|smallint|int|bigint|float|double|decimal)/i.test(data.columns[k].type);
    return numeric(i) && !numeric(j);
  }
  return xq;
}

const inOrder = (names) => [...names].sort((a, b) => a.localeCompare(b));

/* Rows as series: Map(name -> Map(category -> value)), categories in order of appearance. */
function pivot(data, catEnc, valEnc, colorEnc) {
  const cat = fieldIndex(data, fieldsOf(catEnc)[0].fieldName);
  const color = colorEnc && colorEnc.fieldName ? fieldIndex(data, colorEnc.fieldName) : -1;
  const values = fieldsOf(valEnc);
  const series = new Map();
  const categories = new Map();
  for (const row of data.rows) {
    const key = row[cat];
    categories.set(key, (categories.get(key) || 0));
    for (const f of values) {
      const v = toNumber(row[fieldIndex(data, f.fieldName)]);
      const name = color >= 0 ? String(row[color] ?? 'null') : titleOf(f);
      if (!series.has(name)) {
        if (series.size >= MAX_SERIES) continue;
        series.set(name, new Map());
      }
      const s = series.get(name);
      s.set(key, v === null ? s.get(key) ?? null : (s.get(key) || 0) + v);
      categories.set(key, categories.get(key) + (v || 0));
    }
  }
  return { series, categories };
}

function sortCategories(categories, enc, temporal) {
  const list = [...categories.keys()];
  const sort = enc.scale && enc.scale.sort;
  const by = (sort && sort.by) || '';
  const text = (a, b) => {
    const x = toNumber(a), y = toNumber(b);
    return x !== null && y !== null ? x - y : String(a ?? '').localeCompare(String(b ?? ''));
  };
  if (by === 'y-reversed') list.sort((a, b) => categories.get(b) - categories.get(a));
  else if (by === 'y') list.sort((a, b) => categories.get(a) - categories.get(b));
  else if (by === 'x-reversed') list.sort((a, b) => text(b, a));
  else if (by === 'custom-order' && sort.orderedValues) {
    const order = sort.orderedValues.map((v) => (typeof v === 'object' ? v.value : v));
    const place = (v) => (order.includes(v) ? order.indexOf(v) : order.length);
    list.sort((a, b) => place(a) - place(b));
  } else if (by !== 'natural-order' || temporal) list.sort(text);
  return list;
}

function base() {
  const dark = isDark();
  return {
    color: PALETTE[dark ? 'dark' : 'light'],
    textStyle: { fontFamily: css('--font') || 'system-ui', color: css('--text') },
    animationDuration: 300,
    animationDurationUpdate: 250,
    animationThreshold: 400,
    grid: { left: 8, right: 16, top: 14, bottom: 8, containLabel: true },
    tooltip: {
      trigger: 'axis', confine: true, borderWidth: 1, backgroundColor: css('--panel'), borderColor: css('--line'),
      textStyle: { color: css('--text'), fontSize: 12 }, extraCssText: 'box-shadow: 0 6px 24px rgb(0 0 0 / .18); border-radius: 8px',
    },
  };
}

function axis(kind, enc, more) {
  return {
    type: kind, axisLine: { show: kind !== 'value', lineStyle: { color: css('--line') } }, axisTick: { show: false },
    axisLabel: { color: css('--muted'), fontSize: 11, lineHeight: 13, hideOverlap: true, ...more },
    splitLine: { show: kind === 'value', lineStyle: { color: css('--grid') } },
    name: '', nameTextStyle: { color: css('--muted') },
  };
}

function legend(option, names) {
  if (names.length < 2) return;
  option.legend = {
    id: 'legend', type: 'scroll', bottom: 0, icon: 'roundRect', itemWidth: 10, itemHeight: 10, itemGap: 14, data: names,
    textStyle: { color: css('--muted'), fontSize: 11 }, pageTextStyle: { color: css('--muted') },
    pageIconColor: css('--muted'), pageIconInactiveColor: css('--line'),
  };
  option.grid.bottom = 32;
}

function markColors(spec, names) {
  const colors = spec.mark && spec.mark.colors;
  if (!Array.isArray(colors)) return null;
  const hex = colors.map((c) => (typeof c === 'string' && c.startsWith('#') ? c : null));
  return names.length && hex[0] ? hex.filter(Boolean) : null;
}

/* Names below bars: broken into lines where they have room, else every n-th. */
function nameLabels(n, width) {
  const room = Math.floor((width - 70) / Math.max(1, n)) - 8;
  return room >= 44 && n <= 24 ? { interval: 0, width: room, overflow: 'break', hideOverlap: false } : {};
}

function cartesian(kind, spec, data, width) {
  const { x, y, color, label } = spec.encodings;
  const horizontal = kind === 'bar' && isHorizontal(spec, data);
  const catEnc = horizontal ? y : x;
  const valEnc = horizontal ? x : y;
  const temporal = isTemporal(catEnc, data);
  const { series, categories } = pivot(data, catEnc, valEnc, color);
  const list = sortCategories(categories, catEnc, temporal);
  const names = inOrder(series.keys()); /* by name, so that a color stays with its series as data moves */
  const format = (fieldsOf(valEnc)[0] || {}).format || valEnc.format;
  const short = { abbreviation: 'compact', decimalPlaces: { type: 'max', places: 1 }, ...format };
  const pattern = temporal ? dateLabel(list) : null;
  const show = (v) => (temporal ? formatDate(v, pattern) : v === null ? 'null' : String(v));
  const continuous = temporal && kind !== 'bar';
  const stacked = names.length > 1 && (kind === 'area' || (kind === 'bar' && !(spec.mark && spec.mark.layout === 'group')));
  const option = base();
  const absent = kind === 'bar' || stacked ? 0 : null; /* what is stacked must have a value everywhere */
  const point = (s, c) => (continuous ? [toDate(c), s.get(c) ?? absent] : s.get(c) ?? absent);
  const catAxis = continuous
    ? { ...axis('time', catEnc, {}), boundaryGap: false, minInterval: { YYYY: 365, 'MMM YYYY': 28, 'YYYY-MM-DD': 1 }[pattern] * 86400000 || undefined }
        : { ...axis('category', catEnc, horizontal || temporal ? {} : nameLabels(list.length, width)), data: list.map(show), boundaryGap: kind === 'bar', inverse: horizontal };
  const valAxis = axis('value', valEnc, { formatter: (v) => formatNumber(v, short) });
  option.xAxis = { id: 'x', ...(horizontal ? valAxis : catAxis) };
  option.yAxis = { id: 'y', ...(horizontal ? catAxis : valAxis) };
  option.tooltip.axisPointer = { type: kind === 'bar' ? 'shadow' : 'line', lineStyle: { color: css('--line') }, shadowStyle: { color: css('--hover') } };
  option.tooltip.valueFormatter = (v) => formatNumber(Array.isArray(v) ? v[1] : v, { ...format, abbreviation: 'none' });
  option.tooltip.order = 'valueDesc';
  if (continuous) option.tooltip.axisPointer.label = { formatter: (p) => formatDate(new Date(p.value).toISOString(), pattern) };
  option.series = names.map((name) => ({
    id: `series ${name}`, name, type: kind === 'bar' ? 'bar' : 'line', data: list.map((c) => point(series.get(name), c)),
    stack: stacked ? 'all' : undefined, barMaxWidth: 44, showSymbol: kind !== 'bar' && list.length <= 40, symbolSize: 6,
    connectNulls: true, lineStyle: { width: stacked ? 1.5 : 2.5 }, areaStyle: kind === 'area' ? { opacity: stacked ? 0.55 : 0.22 } : kind === 'line' && names.length === 1 ? { opacity: 0.08 } : undefined,
    itemStyle: kind === 'bar' ? { borderRadius: stacked ? 0 : horizontal ? [0, 4, 4, 0] : [4, 4, 0, 0] } : undefined,
    emphasis: { focus: names.length > 1 ? 'series' : 'none' },
    label: label && label.show ? {
      show: true, position: stacked ? 'inside' : horizontal ? 'right' : 'top', color: css('--muted'), fontSize: 11,
      formatter: (p) => formatNumber(Array.isArray(p.value) ? p.value[1] : p.value, short),
    } : undefined,
    labelLayout: { hideOverlap: true },
  }));
  if (label && label.show && horizontal) option.grid.right = 56;
  option.color = markColors(spec, names) || option.color;
  legend(option, names);
  return option;
}

function scatter(spec, data) {
  const { x, y, color, size } = spec.encodings;
  const at = (e) => (e && e.fieldName ? fieldIndex(data, e.fieldName) : -1);
  const [xi, yi, ci, si] = [at(x), at(y), at(color), at(size)];
  const temporal = isTemporal(x, data);
  const groups = new Map();
  let max = 0;
  for (const row of data.rows) {
    const name = ci >= 0 ? String(row[ci] ?? 'null') : titleOf(y);
    if (!groups.has(name)) groups.set(name, []);
    const s = si >= 0 ? Math.abs(toNumber(row[si]) || 0) : 1;
    max = Math.max(max, s);
    groups.get(name).push([temporal ? toDate(row[xi]) : toNumber(row[xi]) ?? row[xi], toNumber(row[yi]), s]);
  }
  const option = base();
  const numeric = !temporal && data.rows.every((r) => toNumber(r[xi]) !== null);
  option.xAxis = { id: 'x', ...axis(temporal ? 'time' : numeric ? 'value' : 'category', x, numeric ? { formatter: (v) => formatNumber(v, { abbreviation: 'compact', ...x.format }) } : {}), scale: true };
  option.yAxis = { id: 'y', ...axis('value', y, { formatter: (v) => formatNumber(v, { abbreviation: 'compact', ...y.format }) }), scale: true };
  option.tooltip.trigger = 'item';
  option.tooltip.formatter = undefined;
  option.series = inOrder(groups.keys()).map((name) => ({
    id: `series ${name}`, name, type: 'scatter', data: groups.get(name), itemStyle: { opacity: 0.75 },
    symbolSize: si >= 0 ? (v) => 6 + 26 * Math.sqrt(v[2] / (max || 1)) : 9,
  }));
  legend(option, inOrder(groups.keys()));
  return option;
}

function pie(spec, data) {
  const { angle, color, label } = spec.encodings;
  const vi = fieldIndex(data, angle.fieldName);
  const ci = color ? fieldIndex(data, color.fieldName) : -1;
  const slices = new Map();
  for (const row of data.rows) {
    const name = ci >= 0 ? String(row[ci] ?? 'null') : titleOf(angle);
    slices.set(name, (slices.get(name) || 0) + (toNumber(row[vi]) || 0));
  }
  const list = [...slices].map(([name, value]) => ({ name, value })).sort((a, b) => b.value - a.value);
  const option = base();
  option.tooltip.trigger = 'item';
  option.tooltip.formatter = undefined;
  option.tooltip.valueFormatter = (v) => formatNumber(v, { ...angle.format, abbreviation: 'none' });
  option.series = [{
    id: 'series', type: 'pie', radius: ['48%', '74%'], center: ['50%', '46%'], data: list, padAngle: list.length > 1 ? 1 : 0,
    itemStyle: { borderRadius: 4 }, minShowLabelAngle: 8,
    label: { color: css('--muted'), fontSize: 11, formatter: label && label.show === false ? '{b}' : '{b}  {d}%' },
    labelLine: { lineStyle: { color: css('--line') } },
  }];
  const colors = markColors(spec, list.map((s) => s.name)) || option.color;
  const named = inOrder(slices.keys());
  for (const s of list) s.itemStyle = { color: colors[named.indexOf(s.name) % colors.length] };
  legend(option, list.map((s) => s.name));
  return option;
}

export function chartOption(kind, spec, data, width) {
  if (kind === 'pie') return pie(spec, data);
  if (kind === 'scatter') return scatter(spec, data);
  return cartesian(kind, spec, data, width);
}

/* The line without axes that a counter shows. */
export function sparkOption(values) {
  const option = base();
  return {
    ...option, tooltip: { show: false }, grid: { left: 0, right: 0, top: 4, bottom: 0 },
    xAxis: { type: 'category', show: false, boundaryGap: false, data: values.map((_, i) => i) },
    yAxis: { type: 'value', show: false, scale: true },
    series: [{ type: 'line', data: values, showSymbol: false, smooth: 0.25, lineStyle: { width: 2 }, areaStyle: { opacity: 0.14 } }],
  };
}

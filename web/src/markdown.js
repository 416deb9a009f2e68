/* The Markdown of text widgets: headings, lists, emphasis, code, links, rules. Elements only, no
 * markup from strings; links go to http, https and our own paths. */
import { h } from './dom.js';

function safeLink(url) {
  return /^(https?:\/\/|\/|#)/i.test(url) ? url : null;
}

/* Emphasis, code and links within a line. */
function inline(text) {
  const out = [];
  const token = /(`[^`]+`|\*\*.+?\*\*|__.+?__|\*[^*\s][^*]*\*|_[^_\s][^_]*_|\[[^\]]+\]\([^)\s]+\))/;
  let rest = text;
  for (let m = token.exec(rest); m; m = token.exec(rest)) {
    out.push(rest.slice(0, m.index));
    const t = m[0];
    const link = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(t);
    if (t[0] === '`') out.push(h('code', {}, t.slice(1, -1)));
    else if (link) out.push(safeLink(link[2]) ? h('a', { href: link[2], rel: 'noopener noreferrer' }, link[1]) : link[1]);
    else if (t.startsWith('**') || t.startsWith('__')) out.push(h('strong', {}, ...inline(t.slice(2, -2))));
    else out.push(h('em', {}, ...inline(t.slice(1, -1))));
    rest = rest.slice(m.index + t.length);
  }
  out.push(rest);
  return out;
}

export function markdown(text) {
  const blocks = [];
  let paragraph = null;
  let list = null;
  for (const line of (text || '').split('\n')) {
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    const item = /^\s*([-*+]|\d+[.)])\s+(.*)$/.exec(line);
    if (heading) {
      blocks.push(h(`h${heading[1].length}`, {}, ...inline(heading[2])));
      paragraph = list = null;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      blocks.push(h('hr'));
      paragraph = list = null;
    } else if (item) {
      const kind = /\d/.test(item[1]) ? 'ol' : 'ul';
      if (!list || list.localName !== kind) blocks.push((list = h(kind)));
      list.append(h('li', {}, ...inline(item[2])));
      paragraph = null;
    } else if (line.trim() === '') {
      paragraph = list = null;
    } else {
      if (!paragraph) blocks.push((paragraph = h('p')));
      else paragraph.append(' ');
      paragraph.append(...inline(line));
      list = null;
    }
  }
  return blocks;
}

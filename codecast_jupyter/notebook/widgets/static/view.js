/** Small parts of what is drawn. Foreign words only ever become text nodes. */

/** An element: `h('b', {class: 'x', onclick}, child, 'text')`. */
function h(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith('on')) {
      node.addEventListener(key.slice(2), value);
    } else if (value === true) {
      node.setAttribute(key, '');
    } else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(key, value);
    }
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined));
  return node;
}

/** Controls and marks that reorder words become visible: a command must look like what it is. */
function safe(text) {
  return String(text ?? '').replace(
    // eslint-disable-next-line no-control-regex
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    char => `<U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}>`
  );
}

function duration(seconds) {
  if (seconds < 9.95) {
    return `${Math.max(seconds, 0).toFixed(1)}s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole}s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  }
  return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
}

function tokens(count) {
  return count < 1000
    ? `${count}`
    : count < 1e6
      ? `${(count / 1000).toFixed(1)}k`
      : `${(count / 1e6).toFixed(1)}M`;
}

function dollars(amount) {
  return amount ? `$${amount < 1 ? amount.toFixed(4) : amount.toFixed(2)}` : '';
}

/** Markdown of an agent as nodes: paragraphs, headings, lists, tables, code, quotes. */
function markdown(text) {
  const lines = safe(text).split('\n');
  const found = [];
  let at = 0;
  const block = test => {
    const from = at;
    while (at < lines.length && test(lines[at])) {
      at++;
    }
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at];
    const fence = line.match(/^ {0,3}(`{3,}|~{3,})/);
    const head = line.match(/^(#{1,6}) +(.*)/);
    if (fence) {
      at++;
      const body = block(one => !one.trim().startsWith(fence[1]));
      at++;
      found.push(h('pre', {}, h('code', {}, body.join('\n'))));
    } else if (!line.trim()) {
      at++;
    } else if (head) {
      at++;
      found.push(h(`h${Math.min(head[1].length + 2, 6)}`, {}, inline(head[2])));
    } else if (/^ {0,3}>/.test(line)) {
      const body = block(one => /^ {0,3}>/.test(one));
      found.push(
        h('blockquote', {}, markdown(body.map(one => one.replace(/^ {0,3}> ?/, '')).join('\n')))
      );
    } else if (/^\s*([-*+]|\d+[.)]) +/.test(line)) {
      const ordered = /^\s*\d/.test(line);
      const body = block(one => /^\s*([-*+]|\d+[.)]) +/.test(one) || /^\s{2,}\S/.test(one));
      const items = [];
      for (const one of body) {
        const item = one.match(/^\s*(?:[-*+]|\d+[.)]) +(.*)/);
        if (item) {
          items.push(item[1]);
        } else {
          items[items.length - 1] += `\n${one.trim()}`;
        }
      }
      const list = items.map(item => {
        const box = item.match(/^\[([ xX])\] +([^]*)/);
        return box
          ? h('li', { class: 'task' }, box[1] === ' ' ? '☐ ' : '☑ ', inline(box[2]))
          : h('li', {}, inline(item));
      });
      found.push(h(ordered ? 'ol' : 'ul', {}, list));
    } else if (line.includes('|') && /^[\s|:-]+$/.test(lines[at + 1] ?? '')) {
      const rows = block(one => one.includes('|'));
      const cells = row =>
        row
          .trim()
          .replace(/^\||\|$/g, '')
          .split(/(?<!\\)\|/)
          .map(cell => cell.trim());
      found.push(
        h(
          'table',
          {},
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              cells(rows[0]).map(cell => h('th', {}, inline(cell)))
            )
          ),
          h(
            'tbody',
            {},
            rows.slice(2).map(row =>
              h(
                'tr',
                {},
                cells(row).map(cell => h('td', {}, inline(cell)))
              )
            )
          )
        )
      );
    } else {
      const from = at;
      at++;
      while (
        at < lines.length &&
        lines[at].trim() &&
        !/^( {0,3}(`{3,}|~{3,}|>)|#{1,6} |\s*([-*+]|\d+[.)]) )/.test(lines[at])
      ) {
        at++;
      }
      found.push(h('p', {}, inline(lines.slice(from, at).join('\n'))));
    }
  }
  return found;
}

function inline(text) {
  const found = [];
  const pattern =
    /(`+)([^]*?[^`])\1(?!`)|\*\*([^*]+)\*\*|(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])|\[([^\]]+)\]\((https?:[^)\s]+)\)|\\([!-/:-@[-`{-~])/g;
  let last = 0;
  for (const match of text.matchAll(pattern)) {
    found.push(text.slice(last, match.index));
    last = match.index + match[0].length;
    if (match[2] !== undefined) {
      found.push(h('code', {}, match[2].replace(/^ (.*) $/, '$1')));
    } else if (match[3] !== undefined) {
      found.push(h('strong', {}, inline(match[3])));
    } else if (match[4] !== undefined) {
      found.push(h('em', {}, inline(match[4])));
    } else if (match[5] !== undefined) {
      found.push(
        h('a', { href: match[6], target: '_blank', rel: 'noopener noreferrer' }, match[5])
      );
    } else {
      found.push(match[7]);
    }
  }
  found.push(text.slice(last));
  return found;
}

/** A unified diff in colours. */
function diffView(block) {
  const marks = { '+': 'added', '-': 'removed', '@': 'hunk' };
  const lines = safe(block.diff).replace(/\n$/, '').split('\n');
  const body = lines.filter(line => !/^(---|\+\+\+|diff |index )/.test(line));
  return h(
    'div',
    { class: 'cc-diff' },
    h('div', { class: 'cc-path' }, safe(block.path), block.created ? ' (new file)' : ''),
    h(
      'pre',
      {},
      body.map(line => h('span', { class: marks[line[0]] ?? '' }, `${line}\n`))
    )
  );
}

function dot(status) {
  return h('span', { class: 'cc-dot', 'data-status': status });
}

function problemView(error) {
  return h(
    'div',
    { class: 'cc-problem', role: 'alert' },
    h('div', {}, safe(error.message)),
    error.hint ? h('small', {}, safe(error.hint)) : null
  );
}

/** While the widget lives, the output beside it with its snapshot is hidden. */
function hideSnapshot(id) {
  const mark = `[data-codecast-snapshot="${CSS.escape(id)}"]`;
  const output = `.jp-OutputArea-child:has(${mark}), :not(body):has(> ${mark})`;
  const style = h('style', {}, `${output} { display: none !important; }`);
  document.head.append(style);
  return () => style.remove();
}

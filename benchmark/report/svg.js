'use strict';

// Two kinds of charts as SVG text: bars, and lines over logarithmic axes. Colours are chosen
// to be told apart by people who see few of them; names stand beside what they name.

const FONT = 'font-family="system-ui, sans-serif"';
const OURS = '#d9480f';
const YARDSTICK = '#343a40';
const OTHERS = ['#1971c2', '#2f9e44', '#9c36b5', '#0c8599', '#e67700', '#5c7cfa', '#868e96', '#c2255c'];

/**
 * Horizontal bars in groups.
 * @param {{ title: string, note: string, groups: { name: string, bars: { name: string, value: number, text: string }[] }[] }} chart
 */
function bars({ title, note, groups }) {
  const [width, left, right, line, gap] = [720, 190, 90, 20, 34];
  const parts = [];
  let y = 58;
  for (const { name, bars: items } of groups) {
    const largest = Math.max(...items.map(({ value }) => value));
    parts.push(text(left, y + 4, name, 'font-weight="600"'));
    y += 12;
    for (const bar of items) {
      const length = Math.max(1, ((width - left - right) * bar.value) / largest);
      parts.push(text(left - 8, y + 14, bar.name, 'text-anchor="end"'));
      parts.push(`<rect x="${left}" y="${y + 3}" width="${length.toFixed(1)}" height="14" rx="2" fill="${barColour(bar.name)}"/>`);
      parts.push(text(left + length + 6, y + 14, bar.text));
      y += line;
    }
    y += gap;
  }
  return document(width, y - gap + 20, title, note, parts);
}

/**
 * Lines over two logarithmic axes; the name of each stands at its end.
 * @param {{ title: string, note: string, xs: { value: number, text: string }[], yText: (y: number) => string,
 *   series: { name: string, points: { x: number, y: number }[] }[] }} chart
 */
function lines({ title, note, xs, yText, series }) {
  const [width, height, left, right, top, bottom] = [720, 420, 80, 170, 60, 40];
  const values = series.flatMap(({ points }) => points.map(({ y }) => y));
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(Math.max(...values)));
  const scale = (from, to, start, end) => (value) => start + ((end - start) * (Math.log10(value) - from)) / (to - from);
  const xOf = scale(Math.log10(xs[0].value), Math.log10(xs.at(-1).value), left, width - right);
  const yOf = scale(low, high, height - bottom, top);

  const parts = [];
  for (let power = low; power <= high; power++) {
    const y = yOf(10 ** power);
    parts.push(`<path d="M${left} ${y.toFixed(1)}H${width - right}" stroke="#dee2e6"/>`, text(left - 8, y + 4, yText(10 ** power), 'text-anchor="end"'));
  }
  for (const { value, text: label } of xs) parts.push(text(xOf(value), height - bottom + 20, label, 'text-anchor="middle"'));

  const ends = [];
  series.forEach(({ name, points }, index) => {
    const colour = lineColour(name, index);
    const path = points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${xOf(x).toFixed(1)} ${yOf(y).toFixed(1)}`).join('');
    parts.push(`<path d="${path}" fill="none" stroke="${colour}" stroke-width="${name.startsWith('smartipc') ? 3 : 1.5}"/>`);
    for (const { x, y } of points) parts.push(`<circle cx="${xOf(x).toFixed(1)}" cy="${yOf(y).toFixed(1)}" r="2.5" fill="${colour}"/>`);
    ends.push({ name, colour, y: yOf(points.at(-1).y) });
  });
  for (const { name, colour, y } of spaced(ends)) parts.push(text(width - right + 10, y + 4, name, `fill="${colour}"`));
  return document(width, height, title, note, parts);
}

/** Moves labels apart that would lie on each other. */
function spaced(labels) {
  const sorted = [...labels].sort((a, b) => a.y - b.y);
  for (let i = 1; i < sorted.length; i++) sorted[i].y = Math.max(sorted[i].y, sorted[i - 1].y + 14);
  return sorted;
}

function barColour(name) {
  if (name.startsWith('smartipc')) return OURS;
  return name === 'plain' || name === 'net' ? YARDSTICK : '#adb5bd';
}

function lineColour(name, index) {
  if (name === 'smartipc') return OURS;
  return name === 'plain' ? YARDSTICK : OTHERS[index % OTHERS.length];
}

function document(width, height, title, note, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" font-size="12" ${FONT}>`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="6" fill="#fff"/>`,
    text(16, 24, title, 'font-size="16" font-weight="600"'),
    text(16, 42, note, 'fill="#868e96"'),
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function text(x, y, content, attributes = '') {
  return `<text x="${Number(x).toFixed(1)}" y="${Number(y).toFixed(1)}" ${attributes}>${escaped(content)}</text>`;
}

function escaped(content) {
  return content.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

module.exports = { bars, lines };

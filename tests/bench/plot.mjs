/** Plots as SVG. Their colours are variables of the page that they stand in. */

const escape = (text) =>
  String(text).replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

/** A round number of steps up to at least `largest`. */
function ticks(largest) {
  const rough = (largest || 1) / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= rough) *
    magnitude;
  return Array.from(
    { length: Math.ceil(largest / step) + 1 },
    (_, index) => index * step,
  );
}

const short = (value) => String(Number(value.toPrecision(3)));

/**
 * Horizontal bars with a whisker from the smallest to the largest value.
 * @param {{ title: string, own?: boolean, median: number, min: number, max: number }[]} rows
 */
export function bars(rows, unit) {
  const [left, row, width] = [330, 26, 560];
  const largest = Math.max(...rows.map(({ max }) => max));
  const x = (value) => left + (value / largest) * width;
  const drawn = rows.map(({ title, own, median, min, max }, index) => {
    const y = index * row;
    return `<text x="${left - 8}" y="${y + 17}" text-anchor="end">${escape(title)}</text>
<rect class="${own ? 'own' : 'peer'}" x="${left}" y="${y + 4}" width="${x(median) - left}" height="18"/>
<path class="whisker" d="M${x(min)} ${y + 13}H${x(max)}"/>
<text x="${x(max) + 6}" y="${y + 17}">${short(median)} ${unit}</text>`;
  });
  const height = rows.length * row;
  return `<svg viewBox="0 0 ${left + width + 110} ${height}" role="img">${drawn.join('\n')}</svg>`;
}

/**
 * Lines over a common horizontal axis, both axes from 0.
 * @param {{ title: string, points: [number, number][] }[]} lines
 */
export function lines(lines, xTitle, yTitle) {
  const [left, top, width, height] = [70, 24, 560, 240];
  const xs = ticks(
    Math.max(...lines.flatMap(({ points }) => points.map(([x]) => x))),
  );
  const ys = ticks(
    Math.max(...lines.flatMap(({ points }) => points.map(([, y]) => y))),
  );
  const x = (value) => left + (value / xs.at(-1)) * width;
  const y = (value) => top + height - (value / ys.at(-1)) * height;
  const grid = [
    ...ys.map(
      (value) => `<path class="grid" d="M${left} ${y(value)}H${left + width}"/>
<text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${short(value)}</text>`,
    ),
    ...xs.map(
      (value) =>
        `<text x="${x(value)}" y="${top + height + 20}" text-anchor="middle">${short(value)}</text>`,
    ),
  ];
  const drawn = lines.map(({ title, points }, index) => {
    const path = points.map(([px, py]) => `${x(px)},${y(py)}`).join(' ');
    const dots = points
      .map(([px, py]) => `<circle cx="${x(px)}" cy="${y(py)}" r="3"/>`)
      .join('');
    return `<g class="line line-${index}"><polyline points="${path}"/>${dots}
<text x="${left + width + 12}" y="${y(points.at(-1)[1]) + 4}">${escape(title)}</text></g>`;
  });
  return `<svg viewBox="0 0 ${left + width + 190} ${top + height + 46}" role="img">
${grid.join('\n')}${drawn.join('\n')}
<text x="${left}" y="14">${escape(yTitle)}</text>
<text x="${left + width}" y="${top + height + 40}" text-anchor="end">${escape(xTitle)}</text></svg>`;
}

/** A table; cells that are numbers stand to the right. */
export function htmlTable(head, rows) {
  const cell = (tag, text) =>
    `<${tag}${/^[\d(<>]/.test(text) ? ' class="number"' : ''}>${escape(text)}</${tag}>`;
  const line = (tag) => (cells) =>
    `<tr>${cells.map((text) => cell(tag, String(text))).join('')}</tr>`;
  return `<div class="wide"><table><thead>${line('th')(head)}</thead>
<tbody>${rows.map(line('td')).join('\n')}</tbody></table></div>`;
}

export const paragraph = (text) => `<p>${escape(text)}</p>`;

/** What the network said of many photos as a table for spreadsheets. */

import { breed } from './describe';
import type { ExplainLine } from './explain-line';

const COLUMNS = 'photo,breed,probability,second breed,its probability';

/** A line for each photo, after one with the names of the columns (RFC 4180). */
export function csv(lines: readonly ExplainLine[]): string {
  const rows = lines.map((line) => {
    if ('error' in line) return [line.photo, line.error.message];
    const best = line.top.slice(0, 2);
    return [
      line.photo,
      ...best.flatMap((p) => [breed(p.label), p.probability.toFixed(4)]),
    ];
  });
  // Without its mark spreadsheets do not take a text for UTF-8.
  return `\uFEFF${COLUMNS}\r\n${rows.map(row).join('')}`;
}

function row(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}

/** A spreadsheet computes what begins like a formula: a file's name must not. */
function cell(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** What the network said of many photos as a table for spreadsheets. */

import { breed } from './describe';
import type { ExplainLine } from './explain-line';

const COLUMNS =
  'photo,picture,breed,probability,second breed,its probability,none of these,error';

export interface TableRow {
  line: ExplainLine;
  /** The name of the file with its heatmap, if there is one. */
  picture?: string;
}

/** A line for each photo, after one with the names of the columns (RFC 4180). */
export function csv(table: readonly TableRow[]): string {
  const rows = table.map(({ line, picture = '' }) => {
    if ('error' in line) {
      return [line.photo, picture, '', '', '', '', '', line.error.message];
    }
    const [first, second] = line.top.map(({ label, probability }) => [
      breed(label),
      share(probability),
    ]);
    const none = line.others ? share(line.others.probability) : '';
    return [
      line.photo,
      picture,
      ...(first ?? ['', '']),
      ...(second ?? ['', '']),
      none,
      '',
    ];
  });
  // Without its mark spreadsheets do not take a text for UTF-8.
  return `\uFEFF${COLUMNS}\r\n${rows.map(row).join('')}`;
}

function share(probability: number): string {
  return probability.toFixed(4);
}

function row(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}

/** A spreadsheet computes what begins like a formula: a file's name must not. */
function cell(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

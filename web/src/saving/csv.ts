/** What the network said of many photos as a table for spreadsheets. */

import type { Others, Prediction } from '../../../wasm/engine';
import { breedName } from '../words/names';

export interface TableRow {
  photo: string;
  /** In a word, as the page groups photos. */
  answer: string;
  /** The name of the file with its heatmap, if there is one. */
  picture?: string | undefined;
  predictions?: readonly Prediction[];
  others?: Others | null;
  error?: string | undefined;
}

/**
 * A line for each photo, after one with the names of the columns (RFC 4180).
 * @param noun what a class is called
 */
export function csv(table: readonly TableRow[], noun: string): string {
  const rows = table.map(
    ({ photo, answer, picture = '', predictions = [], others, error = '' }) => {
      const [first, second] = predictions.map(({ label, probability }) => [
        breedName(label),
        share(probability),
      ]);
      return [
        photo,
        picture,
        answer,
        ...(first ?? ['', '']),
        ...(second ?? ['', '']),
        others ? share(others.probability) : '',
        error,
      ];
    },
  );
  const none = table.find(({ others }) => others)?.others?.label;
  const columns = [
    ...['photo', 'picture', 'answer', noun, 'probability'],
    ...[`second ${noun}`, 'its probability', none ?? 'none of these', 'error'],
  ];
  // Without its mark spreadsheets do not take a text for UTF-8.
  return `\uFEFF${[columns, ...rows].map(row).join('')}`;
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

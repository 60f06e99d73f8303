/** Model files in pieces, so that they are never in memory as a whole. */

import { inOrder } from './in-order';
import type { PieceReader } from './types';

/** A tensor is handed over in pieces of about this size. */
const PIECE_BYTES = 4 << 20;

/** Small tensors are read together, so many bytes at once. */
const SPAN_BYTES = 256 << 10;

/** A tensor within a safetensors file; its pieces must be whole rows. */
export interface TensorPlace {
  begin: number;
  end: number;
  row_bytes: number;
}

interface Piece {
  begin: number;
  end: number;
}

/** A tensor's pieces; one, without bytes, if the tensor is empty. */
export function piecesOf({ begin, end, row_bytes: row }: TensorPlace): Piece[] {
  const step = Math.max(1, Math.floor(PIECE_BYTES / row)) * row;
  const pieces: Piece[] = [];
  let from = begin;
  do {
    const to = Math.min(from + step, end);
    pieces.push({ begin: from, end: to });
    from = to;
  } while (from < end);
  return pieces;
}

/**
 * Pieces that follow one another in the file, together: where each is asked for by a message, small
 * tensors take longer than their bytes do.
 */
export function spansOf<P extends Piece>(
  pieces: readonly P[],
): (Piece & { pieces: P[] })[] {
  const spans: (Piece & { pieces: P[] })[] = [];
  for (const piece of pieces) {
    const last = spans.at(-1);
    if (last?.end === piece.begin && piece.end - last.begin <= SPAN_BYTES) {
      last.end = piece.end;
      last.pieces.push(piece);
    } else {
      spans.push({ begin: piece.begin, end: piece.end, pieces: [piece] });
    }
  }
  return spans;
}

/** Reads one piece after another, the next one while a piece is being used. */
export function readAhead<P extends Piece>(
  pieces: readonly P[],
  read: PieceReader['read'],
): AsyncGenerator<P & { bytes: Uint8Array }> {
  const reads = pieces.map((piece) => async () => ({
    ...piece,
    bytes: await read(piece.begin, piece.end),
  }));
  return inOrder(reads, 2);
}

/** How a file is read that is in memory, in the browser's hands, or elsewhere. */
export function pieceReader(
  source: Blob | Uint8Array | PieceReader,
): PieceReader {
  if (source instanceof Uint8Array) {
    const read = async (begin: number, end: number) =>
      source.subarray(begin, end);
    return { size: source.length, read };
  }
  if (source instanceof Blob) {
    const read = async (begin: number, end: number) =>
      new Uint8Array(await source.slice(begin, end).arrayBuffer());
    return { size: source.size, read };
  }
  return source;
}

/** A port that nobody listens at, nor ever will. */
let drain: MessagePort | undefined;

/**
 * Gives up the memory of bytes at once. A browser may let many megabytes come together before it
 * looks for what nobody needs; but what is sent to a port that nobody listens at is gone.
 */
export function release({ buffer }: ArrayBufferView): void {
  if (!drain) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    drain = port1;
  }
  drain.postMessage(null, [buffer as ArrayBuffer]);
}

/**
 * Files of models and heads that stay in this browser, in IndexedDB, in chunks: so that a large one
 * is never in memory as a whole, neither on its way in nor when it is read.
 */

import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { PieceReader } from '../../../wasm/engine';
import { damaged, LostFile, NOT_KEPT } from '../shared/outcome';
import { checksum } from './checksum';

/** What a head that is kept says of itself. */
export interface KeptHead {
  /** The fingerprint of the model that it belongs to. */
  base: string;
  /** The name of that model's file; none if it was the one in the page. */
  model?: string;
  labels: readonly string[];
}

/** A file that is kept: a model, or a head. */
export interface KeptModel {
  id: number;
  name: string;
  /** Bytes. */
  size: number;
  /** Of its chunks. This and the date lack where an earlier version of this page has kept it. */
  checksums?: readonly number[];
  /** When it was kept, in milliseconds since 1970. */
  date?: number;
  /** Of a model, "F32", "I8", ...: how most of its numbers are stored. */
  precision?: string;
  /** Of a model: what heads know it by. Earlier versions have not written it down either. */
  fingerprint?: string;
  /** Of a head. */
  head?: KeptHead;
}

/** What is told of a file when it is kept. */
type Particulars = Pick<
  KeptModel,
  'name' | 'precision' | 'fingerprint' | 'head'
> &
  Partial<Pick<KeptModel, 'date'>>;

interface Schema extends DBSchema {
  models: { key: number; value: KeptModel };
  /** Pieces of a file, of CHUNK bytes but for the last, by the file's id and their number. */
  chunks: { key: [number, number]; value: ArrayBuffer };
}

const NAME = 'gradcam';
export const CHUNK = 4 << 20;

/** Tensors are often far smaller than chunks, and are read one after another: so many chunks stay... */
const RECENT = 2;
/** ...for so many milliseconds after the last read. */
const MOMENT = 500;

/** Milliseconds. A storage that is damaged or held up may never say whether it opens. */
const OPENS_WITHIN = 3000;
const TICK = 500;

/** What is stored is there, perhaps, but not now. */
class Silent extends Error {
  constructor() {
    super('the storage of this browser does not answer');
  }
}

let database: Promise<IDBPDatabase<Schema>> | undefined;

/** Rejects where the browser has no storage for this page, as in some private windows. */
function open(): Promise<IDBPDatabase<Schema>> {
  database ??= openDB<Schema>(NAME, 1, {
    upgrade(db) {
      db.createObjectStore('models', { keyPath: 'id' });
      db.createObjectStore('chunks');
    },
  });
  database.catch(() => (database = undefined));
  return soon(database);
}

/**
 * Rejects if it takes too long; whoever asks later may get it after all. A page that is busy, as while
 * it is parsed, hears no answer: that is a single tick, however long it takes.
 */
function soon<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let left = OPENS_WITHIN / TICK;
    const timer = setInterval(() => --left === 0 && reject(new Silent()), TICK);
    answer.then(resolve, reject).finally(() => clearInterval(timer));
  });
}

/** Asks the storage; once more if the connection is lost, as iOS ends those of hidden pages. */
async function ask<T>(
  question: (db: IDBPDatabase<Schema>) => Promise<T>,
): Promise<T> {
  const db = await open();
  try {
    return await question(db);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    database = undefined;
    return question(await open());
  }
}

/** The files that are kept, the oldest first. */
export function keptModels(): Promise<KeptModel[]> {
  return ask((db) => db.getAll('models'));
}

/** Whether this is what the page keeps, which others may have written or changed. */
export function isSound(kept: unknown): kept is KeptModel {
  const { id, name, size, checksums, date = 0, head } = Object(kept);
  const isHead = ({ base, model = '', labels }: Partial<KeptHead>) =>
    Array.isArray(labels) && [base, model, ...labels].every(isText);
  return (
    [id, size, date].every(Number.isSafeInteger) &&
    isText(name) &&
    (checksums === undefined || Array.isArray(checksums)) &&
    (head === undefined || isHead(Object(head)))
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Whether this is what is kept, byte for byte. */
export function isContent(
  { size, checksums }: KeptModel,
  bytes: Uint8Array<ArrayBuffer>,
): boolean {
  if (size !== bytes.length) return false;
  return checksumsOf(bytes).every((each, i) => each === checksums?.[i]);
}

const known = new WeakMap<Uint8Array, readonly number[]>();

/** Of the chunks of what is not changed any more. */
function checksumsOf(bytes: Uint8Array<ArrayBuffer>): readonly number[] {
  const before = known.get(bytes);
  if (before) return before;
  const checksums: number[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK) {
    checksums.push(checksum(bytes.slice(at, at + CHUNK).buffer));
  }
  known.set(bytes, checksums);
  return checksums;
}

/**
 * Reads a kept file piece by piece; throws a `LostFile` if what is stored is not what it was.
 * @param onLoss is told so, too
 */
export function readerOfKept(
  { id, size, checksums, head }: KeptModel,
  onLoss = () => {},
): PieceReader {
  /** Those that are sound are not looked at again. */
  const checked = new Set<number>();
  const lost = async () => {
    const all = await ask((db) => db.getAllKeys('models')).catch(() => [id]);
    onLoss();
    return all.includes(id)
      ? damaged(head ? 'head' : 'model')
      : new LostFile(NOT_KEPT);
  };
  const fetch = async (number: number) => {
    const chunk = await ask((db) => db.get('chunks', [id, number])).catch(
      async (error) => {
        throw isLost(error) ? await lost() : error;
      },
    );
    if (!chunk) throw await lost();
    if (checksums && !checked.has(number)) {
      if (checksum(chunk) !== checksums[number]) throw await lost();
      checked.add(number);
    }
    return chunk;
  };
  /** The one asked for last is the last. */
  const recent = new Map<number, Promise<ArrayBuffer>>();
  let forgetting: ReturnType<typeof setTimeout> | undefined;
  const chunkAt = (number: number) => {
    const chunk = recent.get(number) ?? fetch(number);
    recent.delete(number);
    recent.set(number, chunk);
    const [oldest] = recent.keys();
    if (recent.size > RECENT) recent.delete(oldest!);
    // Another time it may be there.
    chunk.catch(() => recent.delete(number));
    clearTimeout(forgetting);
    forgetting = setTimeout(() => recent.clear(), MOMENT);
    return chunk;
  };
  return {
    size,
    async read(begin, end) {
      const bytes = new Uint8Array(end - begin);
      for (let at = begin; at < end;) {
        const number = Math.floor(at / CHUNK);
        const from = at - number * CHUNK;
        const part = new Uint8Array(await chunkAt(number)).subarray(
          from,
          from + end - at,
        );
        if (part.length === 0) throw await lost();
        bytes.set(part, at - begin);
        at += part.length;
      }
      return bytes;
    },
  };
}

/** Whether an error of the storage says that it has lost something for good, as Chromium does. */
function isLost(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotReadableError';
}

export async function forgetModel(id: number): Promise<void> {
  await ask(async (db) => {
    await db.delete('models', id);
    await db.delete('chunks', IDBKeyRange.bound([id], [id, Infinity]));
  });
}

/**
 * A file on its way into the storage. It can be read back, and is kept for other visits, only once
 * it has been finished.
 */
export class NewModel {
  private pending = new Uint8Array(CHUNK);
  private filled = 0;
  private readonly checksums: number[] = [];

  /** The ids of those that this page has kept since it was opened. */
  private static readonly ofVisit = new Set<number>();
  private static last: Promise<void> = Promise.resolve();

  private constructor(
    private readonly id: number,
    private readonly end: () => void,
  ) {}

  /**
   * Waits for the one before, in other tabs, too, where the browser lets them wait for each other.
   * Removes what earlier visits have left unfinished.
   */
  static async begin(): Promise<NewModel> {
    const before = NewModel.last;
    let endHere = () => {};
    NewModel.last = new Promise((resolve) => (endHere = resolve));
    await before;
    const endInTabs = await lockTabs();
    const end = () => {
      endInTabs();
      endHere();
    };
    try {
      return await NewModel.create(end);
    } catch (error) {
      end();
      throw error;
    }
  }

  private static async create(end: () => void): Promise<NewModel> {
    const free = await ask(async (db) => {
      const ids = (await db.getAllKeys('models')).sort((a, b) => a - b);
      let free = 0;
      for (const id of ids) {
        await deleteBetween(db, free, id);
        free = id + 1;
      }
      await deleteBetween(db, free, Infinity);
      return free;
    });
    // Never that of one which was forgotten: another tab may still read it, piece by piece.
    return new NewModel(Math.max(free, Date.now()), end);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + CHUNK - this.filled);
      this.pending.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === CHUNK) await this.flush();
    }
  }

  /**
   * Keeps it from now on: a model in the place of one of the same name and precision, a head in that
   * of one of the same name and classes which was put on the same model in this visit. Another visitor
   * may have given that name to something else.
   * @param stays whether another one stays all the same
   */
  async finish(
    about: Particulars,
    stays: (other: KeptModel) => boolean = () => false,
  ): Promise<KeptModel> {
    const { id, checksums } = this;
    const size = checksums.length * CHUNK + this.filled;
    if (this.filled > 0) await this.flush();
    const kept: KeptModel = { id, size, checksums, date: Date.now(), ...about };
    const others = await ask((db) => db.getAll('models'));
    await ask((db) => db.put('models', kept));
    for (const other of others) {
      const isReplaced =
        other.name === kept.name &&
        other.precision === kept.precision &&
        other.head?.base === kept.head?.base &&
        String(other.head?.labels) === String(kept.head?.labels) &&
        (!kept.head || NewModel.ofVisit.has(other.id));
      if (isReplaced && !stays(other)) await forgetModel(other.id);
    }
    if (NewModel.ofVisit.size === 0) askToStay();
    NewModel.ofVisit.add(id);
    this.end();
    return kept;
  }

  async abandon(): Promise<void> {
    await forgetModel(this.id).catch(() => {});
    this.end();
  }

  private async flush(): Promise<void> {
    const chunk = this.pending.buffer.slice(0, this.filled);
    const number = this.checksums.push(checksum(chunk)) - 1;
    await ask((db) => db.put('chunks', chunk, [this.id, number]));
    this.filled = 0;
  }
}

/** Asks the browser to keep what is stored even when it needs room; it may refuse, or ask the user. */
function askToStay(): void {
  const { storage } = navigator as Partial<Navigator>;
  storage?.persist?.().catch(() => {});
}

/** Keeps other tabs from storing a file until told to end. */
function lockTabs(): Promise<() => void> {
  const { locks } = navigator as Partial<Navigator>;
  if (!locks) return Promise.resolve(() => {});
  return new Promise((resolve) => {
    const held = () => new Promise<void>((end) => resolve(end));
    locks.request(`${NAME}.store`, held).catch(() => resolve(() => {}));
  });
}

/** Chunks of files that are not kept, with ids from `from` to below `to`. */
function deleteBetween(
  db: IDBPDatabase<Schema>,
  from: number,
  to: number,
): Promise<void> {
  if (from >= to) return Promise.resolve();
  return db.delete('chunks', IDBKeyRange.bound([from], [to], false, true));
}

/** Why a file could not be kept, as the end of a sentence. */
export function reasonNotKept(error: unknown): string {
  if (error instanceof Silent) return error.message;
  const name =
    error instanceof Error || error instanceof DOMException ? error.name : '';
  if (name === 'QuotaExceededError') {
    return 'there is not enough room for it in this browser';
  }
  // Of a file; the storage has all that the page asks of it.
  if (name === 'NotReadableError' || name === 'NotFoundError') {
    return 'its file cannot be read any more; it may have been moved or changed';
  }
  return 'this browser does not let the page store anything';
}

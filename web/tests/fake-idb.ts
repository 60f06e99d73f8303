/** What the page uses of the `idb` package, in memory; of IndexedDB's order of keys, too. */

import { vi } from 'vitest';

type Key = number | number[];
interface Range {
  lower: Key;
  upper: Key;
  upperOpen: boolean;
}

type Store = 'models' | 'chunks';

/** One for all tabs, each of which has modules of its own. */
const shared = globalThis as {
  stores?: Record<Store, Map<string, unknown>>;
  /** How many connections there have been, and how many of those are lost. */
  connections?: { opened: number; lost: number };
  /** Until when no connection comes about. */
  silence?: Promise<void>;
};
const stores = (shared.stores ??= { models: new Map(), chunks: new Map() });
const connections = (shared.connections ??= { opened: 0, lost: 0 });

function compare(a: Key, b: Key): number {
  const [one, two] = [[a].flat(), [b].flat()];
  const at = one.findIndex((part, i) => part !== two[i]);
  if (at < 0) return one.length - two.length;
  return at < two.length ? one[at]! - two[at]! : 1;
}

function keysOf(store: Store): Key[] {
  return [...stores[store].keys()]
    .map((key) => JSON.parse(key) as Key)
    .sort(compare);
}

const database = {
  getAllKeys: async (store: Store) => keysOf(store),
  getAll: async (store: Store) =>
    keysOf(store).map((key) => stores[store].get(JSON.stringify(key))),
  get: async (store: Store, key: Key) => stores[store].get(JSON.stringify(key)),
  put: async (store: Store, value: { id?: number }, key?: Key) => {
    stores[store].set(JSON.stringify(key ?? value.id), value);
  },
  delete: async (store: Store, query: Key | Range) => {
    const isMeant = (key: Key) => {
      if (typeof query === 'number' || Array.isArray(query)) {
        return compare(key, query) === 0;
      }
      const end = compare(key, query.upper);
      return (
        compare(key, query.lower) >= 0 && (query.upperOpen ? end < 0 : end <= 0)
      );
    };
    for (const key of keysOf(store)) {
      if (isMeant(key)) stores[store].delete(JSON.stringify(key));
    }
  },
};

export const openDB = async () => {
  await shared.silence;
  const number = ++connections.opened;
  return new Proxy(database, {
    get: (target, name: keyof typeof database) =>
      number > connections.lost || !(name in target)
        ? target[name]
        : async () => {
            throw new DOMException('the connection is lost', 'UnknownError');
          },
  });
};

/** Ends all connections that there are, without a word, as WebKit does. */
export function loseConnections(): void {
  connections.lost = connections.opened;
}

/** Lets nobody open the storage, nor know that, until told. */
export function silenceStorage(): () => void {
  let end = () => {};
  shared.silence = new Promise((resolve) => (end = resolve));
  return end;
}

/** Makes the storage empty. */
export function resetStorage(): void {
  shared.silence = undefined;
  stores.models.clear();
  stores.chunks.clear();
  vi.stubGlobal('IDBKeyRange', {
    bound: (lower: Key, upper: Key, _: boolean, upperOpen = false): Range => ({
      lower,
      upper,
      upperOpen,
    }),
  });
}

/** Folders that are dropped, by both interfaces that browsers have for them. */

import { expect, test } from 'vitest';
import { chosenFolder, isPicture, take } from '../src/intake/intake';

/** A file, what stands for one that cannot be read, or a folder. */
type Node = File | Error | Folder;
interface Folder {
  [name: string]: Node;
}
/** In a folder: that it can be read so far, and no further. */
const BROKEN = 'BROKEN';

function isFolder(node: Node): node is Folder {
  return !(node instanceof File) && !(node instanceof Error);
}

async function fileOf(node: File | Error): Promise<File> {
  if (node instanceof Error) throw node;
  return node;
}

function handleOf(name: string, node: Node): unknown {
  if (!isFolder(node))
    return { name, kind: 'file', getFile: () => fileOf(node) };
  const values = async function* () {
    for (const [name, member] of Object.entries(node)) {
      if (name === BROKEN) throw member;
      yield handleOf(name, member);
    }
  };
  return { name, kind: 'directory', values };
}

function entryOf(name: string, node: Node): unknown {
  if (!isFolder(node)) {
    const file = (found: (file: File) => void, not: (error: unknown) => void) =>
      fileOf(node).then(found, not);
    return { name, isDirectory: false, file };
  }
  const createReader = () => {
    const members = Object.entries(node);
    const readEntries = (
      found: (entries: unknown[]) => void,
      not: (error: unknown) => void,
    ) => {
      const next = members.shift(); // one at a time
      if (next?.[0] === BROKEN) not(next[1]);
      else found(next ? [entryOf(...next)] : []);
    };
    return { readEntries };
  };
  return { name, isDirectory: true, createReader };
}

/** What is taken of a folder that is dropped. */
async function drop(kind: 'handles' | 'entries', name: string, folder: Folder) {
  const item = {
    kind: 'file',
    getAsFile: () => null,
    webkitGetAsEntry: () => entryOf(name, folder),
    ...(kind === 'handles' && {
      getAsFileSystemHandle: async () => handleOf(name, folder),
    }),
  };
  const { files, refused } = await take({
    items: [item],
  } as unknown as DataTransfer);
  return {
    files: files.map(({ name }) => name),
    refused: refused.map(({ name, failure }) => `${name}: ${failure.message}`),
  };
}

const file = (name: string) => ({ [name]: new File(['a photo'], name) });
const gone = () => new DOMException('it is gone', 'NotFoundError');

const kinds = ['handles', 'entries'] as const;

test.each(kinds)(
  'what cannot be read in a folder keeps nothing else out (%s)',
  async (kind) => {
    const folder = {
      ...file('b.jpg'),
      'gone.jpg': gone(),
      'notes.txt': gone(), // nobody asked for it
      deep: {
        ...file('10.jpg'),
        ...file('2.jpg'),
        deeper: { ...file('c.png'), 'locked.webp': gone() },
        half: { ...file('d.jpg'), [BROKEN]: gone() },
      },
      ...file('a.jpg'),
    };
    expect(await drop(kind, 'holiday', folder)).toEqual({
      files: ['a.jpg', 'b.jpg', '2.jpg', '10.jpg', 'c.png', 'd.jpg'],
      refused: [
        expect.stringMatching(/^locked.webp: the file cannot be read/),
        expect.stringMatching(/^holiday\/deep\/half: this is a folder, which/),
        expect.stringMatching(/^gone.jpg: the file cannot be read/),
      ],
    });
  },
);

test.each(kinds)('a folder is refused for what it is (%s)', async (kind) => {
  expect(await drop(kind, 'texts', { ...file('notes.txt') })).toEqual({
    files: [],
    refused: [
      'texts: no pictures are found in this folder; if it has some, open it yourself and drop them',
    ],
  });
  expect(await drop(kind, 'locked', { [BROKEN]: gone() })).toEqual({
    files: [],
    refused: [expect.stringMatching(/^locked: this is a folder, which this/)],
  });
});

test.each(kinds)(
  'what is hidden in a folder stays there (%s)',
  async (kind) => {
    const folder = {
      ...file('rex.jpg'),
      ...file('._rex.jpg'),
      '.trash': file('old.jpg'),
    };
    expect(await drop(kind, 'stick', folder)).toEqual({
      files: ['rex.jpg'],
      refused: [],
    });
  },
);

test.each([
  ['rex.jpg', 'image/jpeg', true],
  ['rex.HEIC', '', true],
  ['notes.txt', 'text/plain', false],
  ['.DS_Store', '', false],
])('is %s (%s) a picture', (name, type, expected) => {
  expect(isPicture({ name, type })).toBe(expected);
});

test.each([
  ['.dogs/old/a.jpg', ['a.jpg'], 0],
  ['dogs/.old/a.jpg', [], 1],
])(
  'of a chosen folder %s is taken if it is not hidden in it',
  (path, names, refused) => {
    const file = new File(['a'], path.split('/').pop()!);
    const files = [Object.assign(file, { webkitRelativePath: path })];
    const intake = chosenFolder({
      files,
      value: '',
    } as unknown as HTMLInputElement);
    expect(intake.files.map(({ name }) => name)).toEqual(names);
    expect(intake.refused.length).toBe(refused);
  },
);

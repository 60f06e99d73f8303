/**
 * The files in a dropped folder and in the folders in it, by name. There are two interfaces:
 * handles, which Chromium has and which work on file:// pages, and the older entries, which
 * Firefox and WebKit let read there. Handles leave out what has a name that is unsafe elsewhere: a
 * colon or a question mark, an emoji of several parts.
 */

/** Not yet in TypeScript's library. */
interface HandleItem extends DataTransferItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}
interface DirectoryHandle extends FileSystemDirectoryHandle {
  values(): AsyncIterable<FileSystemFileHandle | DirectoryHandle>;
}

export interface Folder {
  name: string;
  contents(): Promise<Contents>;
}

/** What one that cannot be read, or is gone by now, leaves of the others: all of them. */
interface Contents {
  files: File[];
  unread: { name: string; isFolder: boolean }[];
}

/** Where files lay; those of chosen folders tell themselves. */
const places = new WeakMap<File, readonly string[]>();

/** Says of a file that it lies in folders, the outermost first. */
export function lieIn(folders: readonly string[], file: File): File {
  places.set(file, folders);
  return file;
}

/** The folders that a file lay in, from the one that was dropped or chosen on; none if it came alone. */
export function foldersOf(file: File): readonly string[] {
  return places.get(file) ?? file.webkitRelativePath.split('/').slice(0, -1);
}

/** Of either interface. */
type Member =
  | { name: string; isFolder: false; file(): Promise<File> }
  | { name: string; isFolder: true; members(): AsyncIterable<Member> };

/**
 * The folder that this item is, or undefined if it is none; must be called within the event that
 * brought the item.
 */
export function folderOf(item: DataTransferItem): Folder | undefined {
  const entry = item.webkitGetAsEntry?.();
  if (!entry?.isDirectory) return undefined;
  const { name } = entry;
  const handle = (item as HandleItem).getAsFileSystemHandle?.();
  handle?.catch(() => {}); // the folder's contents will say so
  const members = handle
    ? () => membersOfHandle(handle as Promise<DirectoryHandle>)
    : () => membersOfEntry(entry as FileSystemDirectoryEntry);
  return { name, contents: () => contentsOf(name, members) };
}

/** @param path the folder's, from the one that was dropped */
async function contentsOf(
  path: string,
  members: () => AsyncIterable<Member>,
): Promise<Contents> {
  const found: Member[] = [];
  const unread: Contents['unread'] = [];
  try {
    for await (const member of members()) {
      // Such as "._rex.jpg", which macOS writes beside "rex.jpg".
      if (!member.name.startsWith('.')) found.push(member);
    }
  } catch {
    unread.push({ name: path, isFolder: true });
  }
  const parts = await Promise.all(
    found
      .sort(byName)
      .map((member) =>
        member.isFolder
          ? contentsOf(`${path}/${member.name}`, member.members)
          : fileOf(path, member),
      ),
  );
  return {
    files: parts.flatMap(({ files }) => files),
    unread: [...unread, ...parts.flatMap(({ unread }) => unread)],
  };
}

async function fileOf(
  path: string,
  { name, file }: Member & { isFolder: false },
): Promise<Contents> {
  try {
    return { files: [lieIn(path.split('/'), await file())], unread: [] };
  } catch {
    return { files: [], unread: [{ name, isFolder: false }] };
  }
}

async function* membersOfHandle(
  folder: DirectoryHandle | Promise<DirectoryHandle>,
): AsyncGenerator<Member> {
  for await (const member of (await folder).values()) {
    const { name } = member;
    yield member.kind === 'file'
      ? { name, isFolder: false, file: () => member.getFile() }
      : { name, isFolder: true, members: () => membersOfHandle(member) };
  }
}

async function* membersOfEntry(
  folder: FileSystemDirectoryEntry,
): AsyncGenerator<Member> {
  const reader = folder.createReader();
  for (;;) {
    // Gives some at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return;
    yield* some.map(memberOfEntry);
  }
}

function memberOfEntry(entry: FileSystemEntry): Member {
  const { name } = entry;
  if (entry.isDirectory) {
    const members = () => membersOfEntry(entry as FileSystemDirectoryEntry);
    return { name, isFolder: true, members };
  }
  const file = () =>
    new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
  return { name, isFolder: false, file };
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name.localeCompare(b.name, undefined, { numeric: true });
}

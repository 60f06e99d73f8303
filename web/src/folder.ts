/**
 * The files in a dropped folder and in the folders in it, by name. There are two interfaces:
 * handles, which Chromium has and which work on file:// pages, and the older entries, which
 * Firefox and WebKit let read there.
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
  files(): Promise<File[]>;
}

/**
 * The folder that this item is, or undefined if it is none; must be called within the event that
 * brought the item.
 */
export function folderOf(item: DataTransferItem): Folder | undefined {
  const entry = item.webkitGetAsEntry?.();
  if (!entry?.isDirectory) return undefined;
  const handle = (item as HandleItem).getAsFileSystemHandle?.();
  return {
    name: entry.name,
    files: handle
      ? async () => filesOfHandle((await handle) as DirectoryHandle)
      : () => filesOfEntry(entry as FileSystemDirectoryEntry),
  };
}

async function filesOfHandle(folder: DirectoryHandle): Promise<File[]> {
  const members = [];
  for await (const member of folder.values()) members.push(member);
  const files = members
    .sort(byName)
    .map(async (member) =>
      member.kind === 'file' ? [await member.getFile()] : filesOfHandle(member),
    );
  return (await Promise.all(files)).flat();
}

async function filesOfEntry(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const files = (await membersOf(folder))
    .sort(byName)
    .map(async (member) =>
      member.isDirectory
        ? filesOfEntry(member as FileSystemDirectoryEntry)
        : [await fileOf(member as FileSystemFileEntry)],
    );
  return (await Promise.all(files)).flat();
}

async function membersOf(
  folder: FileSystemDirectoryEntry,
): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    // Gives some at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all;
    all.push(...some);
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name.localeCompare(b.name, undefined, { numeric: true });
}

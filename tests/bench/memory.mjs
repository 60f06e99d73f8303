import { readdirSync, readFileSync } from 'node:fs';

/**
 * @typedef {object} Memory in bytes
 * @property {number} peak the largest peak of resident memory among the renderers
 * @property {number} now the renderers' resident memory now
 * @property {number} all the whole browser's resident memory now, what is shared counted once
 */

/** @returns {number} the peak of a process's resident memory in bytes, 0 if it is gone */
export function peakMemory(process) {
  return bytesIn(process, 'status', 'VmHWM');
}

/** @returns {Memory} of the processes that descend from `root` */
export function browserMemory(root) {
  const parents = new Map();
  for (const entry of readdirSync('/proc').filter((name) =>
    /^\d+$/.test(name),
  )) {
    const status = readProcess(entry, 'stat');
    // The name, in parentheses, may contain anything.
    const [, parent] = status.slice(status.lastIndexOf(')') + 2).split(' ');
    parents.set(Number(entry), Number(parent));
  }
  const descends = (process) => {
    while (process > 1 && process !== root) process = parents.get(process) ?? 0;
    return process === root;
  };
  const found = { peak: 0, now: 0, all: 0 };
  for (const process of [...parents.keys()].filter(descends)) {
    found.all +=
      bytesIn(process, 'smaps_rollup', 'Pss') ||
      bytesIn(process, 'status', 'VmRSS');
    if (!readProcess(process, 'cmdline').includes('--type=renderer')) continue;
    found.peak = Math.max(found.peak, peakMemory(process));
    found.now += bytesIn(process, 'status', 'VmRSS');
  }
  return found;
}

/** A number of kilobytes in a file of /proc, as bytes. */
function bytesIn(process, file, key) {
  const found = new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(
    readProcess(process, file),
  );
  return 1024 * Number(found?.[1] ?? 0);
}

/** A file of /proc, empty if the process is gone. */
function readProcess(process, file) {
  try {
    return readFileSync(`/proc/${process}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { answerOf } from './explain-line.mjs';
import { peakMemory } from './memory.mjs';

/**
 * Starts a contender that is a program: it says its version in a line of JSON once it has loaded,
 * then answers each line on its standard input, the name of a task, by one line of JSON.
 */
export async function startProcess(command, args) {
  const started = performance.now();
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (data) => {
    complaints += data;
  });
  const failed = new Promise((_, reject) => {
    child.on('error', reject);
    child.on('close', () =>
      reject(new Error(complaints.trim() || `${command} has ended`)),
    );
  });
  // Only whoever waits for an answer cares.
  failed.catch(() => {});
  const lines = createInterface({ input: child.stdout })[
    Symbol.asyncIterator
  ]();
  const answer = async () => {
    const { value, done } = await Promise.race([lines.next(), failed]);
    return done ? failed : JSON.parse(value);
  };
  const ask = (task) => {
    child.stdin.write(`${task}\n`);
    return answer();
  };
  const { version } = await answer();
  return {
    version,
    milliseconds: performance.now() - started,
    ask,
    memory: () => ask('memory'),
    downloads: () => ({}),
    close: async () => child.kill(),
  };
}

/**
 * Starts this project's program on the same photo again and again: each answer is its next line.
 * @param {string} program
 * @param {string[]} args
 */
export async function startCommandLine(program, args) {
  const started = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[
    Symbol.asyncIterator
  ]();
  let peak = 0;
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${program} has ended`);
    peak = Math.max(peak, peakMemory(child.pid));
    return JSON.parse(value);
  };
  const next = [await read()];
  const { decode, forward, backward } = next[0].milliseconds;
  return {
    milliseconds: performance.now() - started - decode - forward - backward,
    ask: async () => answerOf(next.pop() ?? (await read())),
    memory: async () => ({ peak }),
    downloads: () => ({}),
    close: async () => child.kill(),
  };
}

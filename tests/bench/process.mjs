import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

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
    child.on('close', () => reject(new Error(complaints.trim() || `${command} has ended`)));
  });
  // Only whoever waits for an answer cares.
  failed.catch(() => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
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
    memory: async () => (await ask('memory')).peak,
    downloads: () => ({}),
    close: async () => child.kill(),
  };
}

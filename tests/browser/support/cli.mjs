import { execFile } from 'node:child_process';
import { model, program } from './files.mjs';

/** Runs `gradcam explain` and resolves with what it writes to standard output. */
export function explainText(paths, ...options) {
  const usual = options.includes('--model') ? [] : ['--model', model];
  return run('explain', ...paths, ...usual, ...options);
}

/** Runs `gradcam` and resolves with what it writes to standard output. */
export function run(...args) {
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      // 1 says that some photos failed, which their lines tell.
      if (error && error.code !== 1)
        reject(new Error(`${error.message}\n${stderr}`));
      else resolve(stdout);
    });
  });
}

/** The parsed lines of `gradcam explain --json` with all classes, in the order of the paths. */
export async function explain(paths, ...options) {
  const text = await explainText(
    paths,
    '--json',
    '--top',
    '100000',
    ...options,
  );
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return paths.map((path) => lines.find((line) => line.photo === path));
}

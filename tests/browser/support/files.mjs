// Where things are, and the photos that the tests use.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const page = join(root, 'dist/index.html');
export const program = join(root, 'build/native/gradcam');
export const model = join(root, 'weights/default.safetensors');

/** Which part of the build the tests miss, as a sentence; undefined if none. */
export function missingBuild() {
  const absent = [page, program, model].find((path) => !existsSync(path));
  return (
    absent && `${relative(root, absent)} is missing: build the project first`
  );
}

/** One of the pictures drawn for the page and its tests. */
export const photo = (name) => join(root, 'web/pictures', name);

/** A picture of the image tests, small and of a rare kind. */
export const fixture = (name) => join(root, 'tests/fixtures/images', name);

/** One of the models of the import's tests, as Keras and PyTorch write them. */
export const foreignModel = (name) => join(root, 'tests/fixtures/models', name);

/** A few photos of real dogs, one a breed, where they lie beside the repository. */
export function realPhotos(count) {
  const folder = join(root, '../shared/photos/test');
  if (!existsSync(folder)) return [];
  const breeds = readdirSync(folder).sort();
  const step = Math.max(1, Math.floor(breeds.length / count));
  return breeds
    .filter((_, i) => i % step === 0)
    .slice(0, count)
    .map((breed) =>
      join(folder, breed, readdirSync(join(folder, breed)).sort()[0]),
    );
}

/** A folder that is gone when the tests are over. */
export function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'gradcam-test-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

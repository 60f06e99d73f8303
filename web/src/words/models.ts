/** What is said of models, and of teaching one. */

import type { ModelInfo } from '../../../wasm/engine';
import type { Failure } from '../shared/protocol';
import { nameInText } from './name-in-text';
import { breedInText } from './names';
import { percent } from './numbers';
import { withoutStop } from './sentence';

/** Why no other model is taken. */
export const LEARNING =
  'It is being taught. Other models can be used after that.';

/** Why a file is not at work. */
export function notLoaded(change: { failure: Failure; file?: string }): string {
  const who = change.file ? nameInText(change.file) : 'Another model';
  return `${who} could not be loaded: ${withoutStop(change.failure.message)}.`;
}

/** What is said of a file that is at work and not there the next time. */
export function notKept(file: { name: string; notKept: string }): string {
  return `${nameInText(file.name)} works for this visit, but could not be kept for the next: ${file.notKept}.`;
}

/** What is said of dropped model files of which only the first is taken; nothing if there is one. */
export function modelsLeftOut(names: readonly string[]): string {
  const [first, ...others] = names.map(nameInText);
  if (others.length === 0) return '';
  const verb = others.length === 1 ? 'is' : 'are';
  return `One model can be at work at a time: ${first} is taken, ${others.join(', ')} ${verb} left out.`;
}

/**
 * What is beside the classes among the outputs of the last layer, as "111 for “another breed”"; nothing
 * if there is no more.
 */
export function outputsBeside({
  layers,
  labels,
  others,
}: Pick<ModelInfo, 'labels' | 'others'> & {
  layers: readonly { weight: readonly number[] }[];
}): string | undefined {
  const more = (layers.at(-1)?.weight[0] ?? 0) - labels.length;
  return more > 0 && others
    ? `${more} for “${breedInText(others)}”`
    : undefined;
}

/**
 * How well photos that were left out were recognised, and how much that number is worth: with the
 * 95 % interval of Wilson (1927) for the rate behind it, beside what needs no network.
 * @param sizes how many photos each class has
 */
export function leftOutVerdict(
  right: number,
  sizes: readonly number[],
): string {
  const photos = sizes.reduce((sum, size) => sum + size, 0);
  const guess = Math.max(...sizes) / photos;
  const z = 1.96;
  const rate = right / photos;
  const centre = (rate + (z * z) / (2 * photos)) / (1 + (z * z) / photos);
  const half =
    (z / (1 + (z * z) / photos)) *
    Math.sqrt((rate * (1 - rate)) / photos + (z * z) / (4 * photos * photos));
  // What is 1 exactly may be a little beside it.
  const least = centre - half;
  const most = right === photos ? 1 : centre + half;
  const range = `between ${percent(least)} and ${percent(most)}`;
  const found = `Left out of the training, ${right} of ${photos} photos were recognised`;
  if (rate <= guess) {
    return `${found}, which is no better than naming the same box every time. More photos may help, or such as differ more from box to box.`;
  }
  if (least <= guess) {
    return `${found}. That may be luck: the true rate may be anywhere ${range}, and naming the same box every time gives ${percent(guess)}. More photos would tell.`;
  }
  return photos < 20
    ? `${found}. These are too few photos to tell exactly: the true rate is very likely ${range}.`
    : `${found}; the true rate is very likely ${range}.`;
}

/** What the network says of a photo, in words. */

import type { Box, Others, Prediction } from '../../../wasm/engine';
import { breed, breedInText } from './names';
import { chance } from './numbers';

/** Below this a network that is not sure sees nothing that it knows clearly. */
const LOST = 0.25;

/**
 * Whether an answer is to be believed: `unsure` is between classes, `lost` that no class is
 * anywhere near, `others` that it is rather none of them. The engine's certainty_of.
 */
export type Certainty = 'sure' | 'unsure' | 'lost' | 'others';

/**
 * @param predictions sorted, the most probable first
 * @param others how probable it is that it is none of these, if the model knows that
 * @param unsureBelow of the model: from there on the best class is believed
 */
export function certainty(
  predictions: readonly Prediction[],
  others: Others | null,
  unsureBelow: number,
): Certainty {
  const best = predictions[0]?.probability ?? 0;
  if (others && others.probability > 0.5) return 'others'; // more than all classes together
  if (best >= unsureBelow) return 'sure';
  return best < LOST ? 'lost' : 'unsure';
}

/**
 * What a photo shows, of what `certainty` takes: a class, or none of them; undefined if that is not
 * to be told. What is more probable than all else, and no near tie, is an answer, too, if not a sure
 * one.
 */
export function answer(
  predictions: readonly Prediction[],
  others: Others | null,
  unsureBelow: number,
): Prediction | Others | undefined {
  const belief = certainty(predictions, others, unsureBelow);
  if (others && belief === 'others') return others;
  const [first, second] = predictions;
  if (!first || belief === 'sure') return first;
  const next = Math.max(second?.probability ?? 0, others?.probability ?? 0);
  return first.probability > Math.max(0.5, 2 * next) ? first : undefined;
}

/** What is said of a class that is the best one and yet not what is seen. */
export const CLOSEST = 'the closest of what it knows';

/** Whether a map for this class is to be called so. */
export function isOnlyClosest(
  index: number,
  predictions: readonly Prediction[],
  others: Others | null,
): boolean {
  const [best] = predictions;
  return best?.index === index && (others?.probability ?? 0) > best.probability;
}

/** The answer in one line. */
export function verdict(
  predictions: readonly Prediction[],
  others: Others | null,
  unsureBelow: number,
): string {
  const [first] = predictions;
  if (!first) return 'The model knows no classes.';
  const found = answer(predictions, others, unsureBelow);
  if (found) {
    const isSure = found.probability >= unsureBelow;
    const name = isSure
      ? breed(found.label)
      : `Probably ${breedInText(found.label)}`;
    return `${name}, ${chance(found.probability)}`;
  }
  const [likeliest, second] = [
    ...predictions.slice(0, 2),
    ...(others ? [others] : []),
  ].sort((a, b) => b.probability - a.probability);
  const belief = certainty(predictions, others, unsureBelow);
  if (belief === 'lost' || !likeliest || !second) {
    return 'Not sure, perhaps nothing that it knows';
  }
  return (
    `Not sure: ${breed(likeliest.label)} ${chance(likeliest.probability)} ` +
    `or ${breedInText(second.label)} ${chance(second.probability)}`
  );
}

/** A shorter side in pixels, and the ratio of both, beyond which little of a dog is left to be seen. */
const SMALL = 100;
const LONG = 3;

/**
 * Why to doubt an answer, where it is for what the network was shown: whole, brought to a square.
 * @param noun what a class is called
 */
export function doubt(
  { width, height }: Pick<Box, 'width' | 'height'>,
  noun: string,
): string | undefined {
  const shorter = Math.min(width, height);
  const longer = Math.max(width, height);
  if (longer > LONG * shorter) {
    return 'All of it was squeezed into a square, which leaves little of the shape of a dog.';
  }
  if (shorter < SMALL) {
    return `It saw only ${Math.round(width)}\u00a0×\u00a0${Math.round(height)} pixels, too few to be sure of a ${noun}.`;
  }
  return undefined;
}

/** Whether to believe a map, in words. */

import type { Heatmap, Method, Trust } from '../../../wasm/engine';
import { where } from './heatmap';
import { breedInText } from './names';
import { chance } from './numbers';

/** Below this there is too little to be lost for a test to tell anything. */
const TESTABLE = 0.01;

/** Why it cannot be tested whether a map shows what the network used, if that is so. */
export function untestable(
  map: Heatmap,
  method: Pick<Method, 'is_decoration' | 'is_against'> | undefined,
  label: string,
  probability: number,
): string | undefined {
  if (map.status !== 'ok') return where(map);
  if (method?.is_decoration) {
    return 'this map is a decoration, which shows edges of the photo and not where the network looked';
  }
  if (method?.is_against) {
    return `the tests ask whether what is warm speaks for a class, and here it speaks against ${breedInText(label)}`;
  }
  if (probability < TESTABLE) {
    return `of all that it saw the network gives ${breedInText(label)} only ${chance(probability)}, too little to see what takes it away`;
  }
  return undefined;
}

/**
 * Smaller differences are none: of probability lost, and of areas. On 90 test photos of breeds that
 * it knows 73 in 100 Grad-CAMs of the default model do better than a guess by that in one test at
 * least, and worse in none; of maps of another photo, 20 in 100.
 */
const CLEAR = { loss: 0.1, area: 0.05 };

/** How a map does in a test, beside a guess that knows nothing of the network. */
export type Standing = 'better' | 'level' | 'worse';

function standing(difference: number, clear: number): Standing {
  return difference > clear
    ? 'better'
    : difference < -clear
      ? 'worse'
      : 'level';
}

/**
 * Whether more is lost with the warm part covered than with as much in the middle; where nothing is
 * lost, that the middle hides something else makes the map no better.
 */
export function coveredStanding({
  probability,
  covered,
  covered_centre,
}: Pick<Trust, 'probability' | 'covered' | 'covered_centre'>): Standing {
  const beside = standing((covered_centre - covered) / probability, CLEAR.loss);
  const isLost = (probability - covered) / probability > CLEAR.loss;
  return beside === 'better' && !isLost ? 'level' : beside;
}

/** Whether the class comes back sooner with the warmest pixels shown first than otherwise. */
export function shownStanding({
  map,
  centre,
  random_order,
}: Pick<Trust, 'map' | 'centre' | 'random_order'>): Standing {
  const guess = Math.max(centre.area, random_order.area);
  return standing(map.area - guess, CLEAR.area);
}

/** Whether to believe a map, by how it does in both tests: in a word, and why. */
export function trustVerdict(
  covered: Standing,
  shown: Standing,
): [string, string] {
  if (covered === shown) {
    return {
      better: ['Yes', 'in both tests the map does better than a guess.'],
      level: ['Hard to say', 'in both tests a guess does as well as the map.'],
      worse: ['No', 'in both tests a guess does better than the map.'],
    }[covered] as [string, string];
  }
  const tests = [covered, shown];
  if (!tests.includes('level')) {
    return [
      'Hard to say',
      'in one test the map does better than a guess, in the other a guess does better than the map.',
    ];
  }
  return tests.includes('better')
    ? [
        'Probably',
        'in one test the map does better than a guess; in the other they do equally well.',
      ]
    : [
        'No',
        'in one test a guess does better than the map; in the other they do equally well.',
      ];
}

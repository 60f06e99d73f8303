/** The words for what the network says. All pure. */

import type {
  Box,
  Heatmap,
  HeatValues,
  Method,
  ModelInfo,
  Others,
  Prediction,
  Trust,
} from '../../wasm/engine';
import { nameInText } from './name-in-text';

/** Parts of breed names that English writes with a capital. */
const PROPER = new Set(
  `afghan airedale alaskan american appenzeller australian bedlington belgian bernese border boston
  brittany cardigan chesapeake chihuahua doberman english french german gordon ibizan irish
  italian japanese kerry labrador lakeland maltese newfoundland norfolk norwegian norwich old
  pekinese pembroke pyrenees rhodesian russian saluki samoyed scotch scottish sealyham shih siberian
  staffordshire sussex tibetan tzu welsh yorkshire`.split(/\s+/),
);

/** Below this a network that is not sure sees nothing that it knows clearly. */
const LOST = 0.25;

const NARROW_SPACE = '\u202f';

/** "golden_retriever" as words, wherever they are for: "golden retriever", "Siberian husky". */
function wordsOf(label: string): string {
  return label
    .replace(/_/g, ' ')
    .split(' ')
    .map((word) => (PROPER.has(word) ? capitalised(word) : word))
    .join(' ');
}

/** "golden_retriever" as it stands within a sentence: "golden retriever". */
export function breedInText(label: string): string {
  return nameInText(wordsOf(label));
}

/** "golden_retriever" on its own: "Golden retriever". */
export function breed(label: string): string {
  return nameInText(breedName(label));
}

/** The same for what is no text: to be compared, or written into a table. */
export function breedName(label: string): string {
  return capitalised(wordsOf(label));
}

/** 0.934 as "93 %"; never "0 %" or "100 %" for what is not. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100);
  if (rounded === 0 && share > 0) return `<1${NARROW_SPACE}%`;
  if (rounded === 100 && share < 1) return `>99${NARROW_SPACE}%`;
  return `${rounded}${NARROW_SPACE}%`;
}

/** A probability; what is computed with 24 bits is never certain. */
export function chance(probability: number): string {
  return percent(Math.min(Math.max(probability, 1e-9), 1 - 1e-9));
}

/** 553433881 bytes as "553 MB". */
export function megabytes(bytes: number): string {
  const value = bytes / 1e6;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${NARROW_SPACE}MB`;
}

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

/** Where the heatmap is strongest, as the rest of a sentence. */
export function where(map: HeatValues & Pick<Heatmap, 'status'>): string {
  if (map.status === 'empty') return 'no evidence here';
  if (map.status === 'non_finite') return 'no answer, the numbers overflowed';
  const { rows, cols, values } = map;
  const peak = values.reduce(
    (best, value, i) => (value > values[best]! ? i : best),
    0,
  );
  const vertical = third(Math.floor(peak / cols), rows);
  const horizontal = third(peak % cols, cols);
  const place =
    vertical === 1 && horizontal === 1
      ? 'in the centre'
      : vertical === 1
        ? `on the ${['left', '', 'right'][horizontal]}`
        : horizontal === 1
          ? `at the ${['top', '', 'bottom'][vertical]}`
          : `in the ${['upper', '', 'lower'][vertical]} ${['left', '', 'right'][horizontal]}`;
  return `strongest ${place}`;
}

/** A method's caption around the name of a class, which may be no part of it. */
export function captionParts(caption: string): [string, string?] {
  const [before = '', after] = capitalised(caption).split('{}');
  return [before, after];
}

/** A method's caption for a class. */
export function captionFor(caption: string, label: string): string {
  const [before, after] = captionParts(caption);
  return after === undefined ? before : before + breedInText(label) + after;
}

/**
 * What a screen reader says in the place of the heatmap.
 * @param caption for the class, by the method
 */
export function heatmapLabel(caption: string, map: Heatmap): string {
  const start = `${caption}: ${where(map)}`;
  return map.status === 'ok'
    ? `${start}, clearly on ${percent(extent(map))} of what it saw.`
    : `${start}.`;
}

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
 * Smaller differences are none: of probability lost, and of areas. On 81 test photos 78 in 100
 * Grad-CAMs of the default model do better than a guess by that in one test at least, and worse in
 * none; of maps of another photo, 26 in 100.
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

/** Whether more is lost with the warm part covered than with as much in the middle. */
export function coveredStanding({
  probability,
  covered,
  covered_centre,
}: Pick<Trust, 'probability' | 'covered' | 'covered_centre'>): Standing {
  return standing((covered_centre - covered) / probability, CLEAR.loss);
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

/** "3 of 10 done", "9 of 10 done, 1 failed". */
export function progress(
  total: number,
  finished: number,
  failed: number,
): string {
  const done = `${finished - failed} of ${total} done`;
  return failed === 0 ? done : `${done}, ${failed} failed`;
}

/** What became of photos that were on the page; of one of them, by its name. */
export function tookOff(count: number, name = 'The photo'): string {
  const what = count === 1 ? `${nameInText(name)} was` : `${count} photos were`;
  return `${what} taken off the page.`;
}

/** Why there is no picture of a photo. */
export const NO_LONGER_READABLE = 'which can no longer be read';
export const WITHOUT_MAP =
  'of which no map was made (results.csv has the answers, results.jsonl nothing)';

/** Whose pictures were not saved with the rest: photos by why, by name; nothing if there are none. */
export function lackingPictures(
  lacking: ReadonlyMap<string, readonly string[]>,
): string {
  const parts = [...lacking].map(([why, [first, ...more]]) =>
    more.length > 0
      ? `of ${nameInText(first!)} and ${more.length} more, ${why}`
      : `of ${nameInText(first!)}, ${why}`,
  );
  if (parts.length === 0) return '';
  const isOne = [...lacking.values()].flat().length === 1;
  return `All is saved but the ${isOne ? 'picture' : 'pictures'} ${parts.join(', and ')}.`;
}

/** What is announced of that: where it begins and ends, not every step; nothing without photos. */
export function progressAnnounced(
  total: number,
  finished: number,
  failed: number,
): string {
  if (total === 0) return '';
  return finished < total
    ? 'Looking at photos…'
    : progress(total, finished, failed);
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
  const range = `between ${percent(centre - half)} and ${percent(Math.min(1, centre + half))}`;
  const found = `Left out of the training, ${right} of ${photos} photos were recognised`;
  if (rate <= guess) {
    return `${found}, which is no better than naming the same box every time. More photos may help, or such as differ more from box to box.`;
  }
  if (centre - half <= guess) {
    return `${found}. That may be luck: the true rate may be anywhere ${range}, and naming the same box every time gives ${percent(guess)}. More photos would tell.`;
  }
  return photos < 20
    ? `${found}. These are too few photos to tell exactly: the true rate is very likely ${range}.`
    : `${found}; the true rate is very likely ${range}.`;
}

/** What an error says, as a sentence of its own. */
export function sentence(message: string): string {
  return `${capitalised(withoutStop(message))}.`;
}

/** The same, within a sentence. */
export function withoutStop(message: string): string {
  return message.replace(/[.\s]+$/, '');
}

/** Why no other model is taken. */
export const LEARNING =
  'It is being taught. Other models can be used after that.';

/** What is said of dropped model files of which only the first is taken; nothing if there is one. */
export function modelsLeftOut(names: readonly string[]): string {
  const [first, ...others] = names.map(nameInText);
  if (others.length === 0) return '';
  const verb = others.length === 1 ? 'is' : 'are';
  return `One model can be at work at a time: ${first} is taken, ${others.join(', ')} ${verb} left out.`;
}

/** Of what is warm (at least half of the strongest) in either map, the share that is so in both. */
export function overlap(a: HeatValues, b: HeatValues): number {
  const side = Math.max(a.rows, a.cols, b.rows, b.cols);
  const isWarm = ({ rows, cols, values }: HeatValues, y: number, x: number) => {
    const row = Math.floor(((y + 0.5) / side) * rows);
    const col = Math.floor(((x + 0.5) / side) * cols);
    return values[row * cols + col]! >= 0.5;
  };
  let both = 0;
  let either = 0;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [inA, inB] = [isWarm(a, y, x), isWarm(b, y, x)];
      if (inA && inB) both++;
      if (inA || inB) either++;
    }
  }
  return either === 0 ? 0 : both / either;
}

/** How strong two maps of the same making are beside each other, of their maxima before scaling. */
export function strengths(first: number, second: number): string {
  const factor = Math.max(first, second) / Math.min(first, second);
  const times = factor.toFixed(factor < 9.95 ? 1 : 0);
  if (times === '1.0') return 'At their hottest, both are as strong.';
  const [more, less] =
    first > second ? ['first', 'second'] : ['second', 'first'];
  return `At its hottest, the ${more} is ${times} times as strong as the ${less}.`;
}

/** How much weaker a map is than that of the most probable class, where that is much. */
export function weakness(
  map: Heatmap,
  best: Heatmap | undefined,
  bestLabel: string,
): string | undefined {
  if (map.status !== 'ok' || best?.status !== 'ok') return undefined;
  const times = best.maximum / map.maximum;
  if (!(times >= 2)) return undefined;
  return `This map is ${times.toFixed(0)} times weaker than the one for ${breedInText(bestLabel)}, though the colours look the same.`;
}

/** A shorter side in pixels, and the ratio of both, beyond which little of a dog is left to be seen. */
const SMALL = 100;
const LONG = 3;

/** Why to doubt an answer, where it is for what the network was shown: whole, brought to a square. */
export function doubt({
  width,
  height,
}: Pick<Box, 'width' | 'height'>): string | undefined {
  const shorter = Math.min(width, height);
  const longer = Math.max(width, height);
  if (longer > LONG * shorter) {
    return 'All of it was squeezed into a square, which leaves little of the shape of a dog.';
  }
  if (shorter < SMALL) {
    return `It saw only ${Math.round(width)}\u00a0×\u00a0${Math.round(height)} pixels, too few to be sure of a breed.`;
  }
  return undefined;
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

/** The share of what it saw that holds at least half of the strongest evidence. */
function extent({ values }: Pick<Heatmap, 'values'>): number {
  return values.filter((value) => value >= 0.5).length / values.length;
}

function third(cell: number, cells: number): 0 | 1 | 2 {
  const place = (cell + 0.5) / cells;
  return place < 1 / 3 ? 0 : place < 2 / 3 ? 1 : 2;
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

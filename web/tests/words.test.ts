import { describe, expect, test } from 'vitest';
import { doubt, isOnlyClosest, certainty, verdict } from '../src/words/answer';
import {
  captionFor,
  heatmapLabel,
  overlap,
  strengths,
  weakness,
  where,
} from '../src/words/heatmap';
import {
  modelsLeftOut,
  outputsBeside,
  leftOutVerdict,
} from '../src/words/models';
import {
  breed,
  breedInText,
  breedName,
  nameOfHead,
  shortList,
} from '../src/words/names';
import { chance, dateInText, megabytes, percent } from '../src/words/numbers';
import { progress, progressAnnounced } from '../src/words/progress';
import {
  lackingPictures,
  NO_LONGER_READABLE,
  WITHOUT_MAP,
} from '../src/words/saving';
import { sentence } from '../src/words/sentence';
import {
  coveredStanding,
  shownStanding,
  trustVerdict,
  type Standing,
  untestable,
} from '../src/words/trust';

const map = (rows: number, cols: number, hot: [number, number][]) => {
  const values = new Float32Array(rows * cols);
  for (const [row, col] of hot) values[row * cols + col] = 1;
  const status = hot.length > 0 ? ('ok' as const) : ('empty' as const);
  return { class: 0, status, maximum: 2, box: null, rows, cols, values };
};

const others = (probability: number) => ({
  label: 'another breed',
  probability,
});

const predictions = (...pairs: [string, number][]) =>
  pairs.map(([label, probability], index) => ({
    label,
    index,
    probability,
    logit: 0,
  }));

describe('breed names', () => {
  test.each([
    ['beagle', 'Beagle', 'beagle'],
    ['golden_retriever', 'Golden retriever', 'golden retriever'],
    ['old_english_sheepdog', 'Old English sheepdog', 'Old English sheepdog'],
    ['pembroke_welsh_corgi', 'Pembroke Welsh corgi', 'Pembroke Welsh corgi'],
    ['shih_tzu', 'Shih Tzu', 'Shih Tzu'],
    ['n01440764 tench', 'N01440764 tench', 'n01440764 tench'],
    ['', '', ''],
  ])('%s', (label, alone, inText) => {
    expect(breed(label)).toBe(alone);
    expect(breedInText(label)).toBe(inText);
  });
});

test('heads are called by their classes', () => {
  expect(nameOfHead(['my_dog', 'Rex'])).toBe('my_dog and Rex');
  expect(nameOfHead(['a', 'b', 'c', 'd'])).toBe('a, b, c, and d');
  expect(shortList(['my_dog', 'Rex'])).toBe('My dog and Rex');
  expect(shortList(['a', 'b', 'c', 'd'])).toBe('4 classes');
});

test('files tell their size and date', () => {
  expect(megabytes(553433881)).toBe('553\u202fMB');
  expect(megabytes(1_540_000)).toBe('1.5\u202fMB');
  expect(megabytes(100_000)).toBe('0.1\u202fMB');
  expect(megabytes(99_000)).toBe('99\u202fkB');
  expect(megabytes(300)).toBe('1\u202fkB');
  const evening = new Date(2026, 10, 29, 22, 58);
  expect(dateInText(evening.valueOf())).toBe('29 Nov 2026, 22:58');
});

test('names of classes turn nothing round, and say what is in them', () => {
  const word = '\u05db\u05dc\u05d1';
  const isolated = `\u2066${word}\u2069`;
  expect(breedInText(word)).toBe(isolated);
  expect(breed(word)).toBe(isolated);
  expect(breedName(word)).toBe(word);
  expect(breed('pug\u202e')).toBe('Pug\ufffd');
  expect(verdict(predictions([word, 0.9]), null, 0.5)).toBe(
    `${isolated}, 90\u202f%`,
  );
  expect(captionFor('for {} alone', word)).toBe(`For ${isolated} alone`);
});

test.each([
  [0, '0\u202f%'],
  [0.0001, '<1\u202f%'],
  [0.934, '93\u202f%'],
  [0.9999, '>99\u202f%'],
  [1, '100\u202f%'],
])('percent of %d', (share, text) => {
  expect(percent(share)).toBe(text);
});

test('a class is only the closest where it is more probably none of them', () => {
  const found = predictions(['pug', 0.3], ['beagle', 0.2]);
  expect(isOnlyClosest(0, found, others(0.4))).toBe(true);
  expect(isOnlyClosest(1, found, others(0.4))).toBe(false);
  expect(isOnlyClosest(0, found, others(0.2))).toBe(false);
  expect(isOnlyClosest(0, found, null)).toBe(false);
});

describe('verdict', () => {
  test('is plain when the network is sure', () => {
    expect(
      verdict(predictions(['beagle', 0.93], ['pug', 0.04]), null, 0.5),
    ).toBe('Beagle, 93\u202f%');
  });

  test('names two when it is not sure, by the model where it says when', () => {
    const close = predictions(['beagle', 0.51], ['pug', 0.4]);
    expect(verdict(close, null, 0.5)).toBe('Beagle, 51\u202f%');
    expect(verdict(close, null, 0.6)).toBe(
      'Not sure: Beagle 51\u202f% or pug 40\u202f%',
    );
    expect(
      verdict(predictions(['beagle', 0.41], ['shih_tzu', 0.1]), null, 0.5),
    ).toBe('Not sure: Beagle 41\u202f% or Shih Tzu 10\u202f%');
  });

  test('believes nothing when all are improbable', () => {
    expect(verdict(predictions(['beagle', 0.2], ['pug', 0.1]), null, 0.5)).toBe(
      'Not sure, perhaps nothing that it knows',
    );
  });

  test('says what else it may be, where the model knows', () => {
    const found = predictions(['rhodesian_ridgeback', 0.51], ['pug', 0.04]);
    expect(verdict(found, others(0.4), 0.6)).toBe(
      'Not sure: Rhodesian ridgeback 51\u202f% or another breed 40\u202f%',
    );
    // No near tie.
    expect(verdict(found, others(0.01), 0.6)).toBe(
      'Probably Rhodesian ridgeback, 51\u202f%',
    );
    expect(verdict(found, others(0.4), 0.5)).toBe(
      'Rhodesian ridgeback, 51\u202f%',
    );
    expect(
      verdict(predictions(['pug', 0.3], ['beagle', 0.2]), others(0.4), 0.6),
    ).toBe('Not sure: Another breed 40\u202f% or pug 30\u202f%');
    expect(
      verdict(predictions(['pug', 0.1], ['beagle', 0.1]), others(0.4), 0.6),
    ).toBe('Not sure, perhaps nothing that it knows');
    expect(
      verdict(predictions(['rhodesian_ridgeback', 0.2]), others(0.8), 0.1),
    ).toBe('Another breed, 80\u202f%');
    expect(
      verdict(predictions(['rhodesian_ridgeback', 0.2]), others(0.7), 0.75),
    ).toBe('Probably another breed, 70\u202f%');
  });

  // The engine's rule (tests/unit/explain/certainty_test.cpp) is tested by the same numbers.
  test.each<[number, number, number, string]>([
    [0.55, 0, 0.5, 'sure'],
    [0.45, 0, 0.5, 'unsure'],
    [0.55, 0, 0.55, 'sure'],
    [0.55, 0, 0.6, 'unsure'],
    [0.3, 0, 0.26, 'sure'],
    [0.2, 0, 0.5, 'lost'],
    [0.2, 0.4, 0.3, 'lost'],
    [0.2, 0.4, 0.1, 'sure'],
    [0.55, 0.4, 0.5, 'sure'],
    [0.3, 0.6, 0.26, 'others'],
    [0.2, 0.8, 0.1, 'others'],
  ])('of %d beside %d of others, unsure below %d', (best, other, below, is) => {
    const found = predictions(['beagle', best], ['pug', 0.01]);
    expect(certainty(found, others(other), below)).toBe(is);
    if (other === 0) expect(certainty(found, null, below)).toBe(is);
  });

  test('is lost without classes', () => {
    expect(certainty([], null, 0.5)).toBe('lost');
  });

  test('copes with one class and with none', () => {
    expect(verdict(predictions(['beagle', 1]), null, 0.5)).toBe(
      'Beagle, >99\u202f%',
    );
    expect(verdict([], null, 0.5)).toMatch(/no classes/);
  });
});

describe('where', () => {
  test.each<[number, number, string]>([
    [0, 0, 'in the upper left'],
    [0, 7, 'at the top'],
    [7, 7, 'in the centre'],
    [7, 13, 'on the right'],
    [13, 6, 'at the bottom'],
    [13, 13, 'in the lower right'],
  ])('row %d, column %d', (row, col, place) => {
    expect(where(map(14, 14, [[row, col]]))).toBe(`strongest ${place}`);
  });

  test('tells of the middle of what is hot, not of its hottest edge', () => {
    const row = (y: number) =>
      [5, 6, 7, 8].map((x): [number, number] => [y, x]);
    const hot = map(14, 14, [...row(1), ...row(2), ...row(3)]);
    hot.values[2 * 14 + 9] = 1.01;
    expect(where(hot)).toBe('strongest at the top');
  });

  test.each<[number, number, number, string]>([
    [14, 5, 0.5, 'in the centre'],
    [14, 8, 0.5, 'in the centre'],
    [14, 4, 0.9, 'in the upper left'],
    [56, 22, 0.4, 'in the centre'],
    [56, 33, 0.4, 'in the centre'],
    [56, 39, 0.9, 'in the lower right'],
  ])(
    'a spot in %d cells at %d, beside corners of %d',
    (side, at, corner, place) => {
      const spot = map(side, side, [[at, at]]);
      for (const end of [0, side - 1]) {
        spot.values[end] = corner;
        spot.values[(side - 1) * side + end] = corner;
      }
      expect(where(spot)).toBe(`strongest ${place}`);
    },
  );

  test('tells rows from columns in a map that is not square', () => {
    expect(where(map(3, 9, [[2, 4]]))).toBe('strongest at the bottom');
  });

  test('says that an empty map is empty', () => {
    expect(where(map(14, 14, []))).toBe('no evidence here');
    expect(heatmapLabel('Where it looked for pug', map(14, 14, []))).toBe(
      'Where it looked for pug: no evidence here.',
    );
  });

  test('says of a decoration no more than that', () => {
    const label = heatmapLabel('Edges', map(3, 3, [[0, 0]]), true);
    expect(label).toBe('Edges: a decoration, not where it looked.');
  });

  test('says how far it reaches, however its colours are scaled', () => {
    const whole = map(3, 3, [[1, 1]]);
    const values = whole.values.map((value) => value / 4);
    const label = heatmapLabel('Pug', { ...whole, values });
    expect(label).toBe(heatmapLabel('Pug', whole));
  });

  test('says that numbers overflowed', () => {
    const overflowed = { ...map(14, 14, []), status: 'non_finite' as const };
    expect(heatmapLabel('Where it looked for pug', overflowed)).toBe(
      'Where it looked for pug: no answer, the numbers overflowed.',
    );
  });

  test('is part of what a screen reader says, with the extent', () => {
    const label = heatmapLabel(
      'Where it looked for pug',
      map(10, 10, [
        [0, 0],
        [0, 1],
      ]),
    );
    expect(label).toBe(
      'Where it looked for pug: strongest in the upper left, ' +
        'clearly on 2\u202f% of what it saw.',
    );
  });
});

test('progress tells failures from what is done', () => {
  expect(progress(10, 3, 0)).toBe('3 of 10 done');
  expect(progress(10, 10, 2)).toBe('8 of 10 done, 2 failed');
});

test('sentence starts large and ends with one stop', () => {
  expect(sentence('this is no picture')).toBe('This is no picture.');
  expect(sentence('No picture. ')).toBe('No picture.');
});

test('what photos left out say, and how much', () => {
  expect(leftOutVerdict(6, [3, 3])).toMatch(/between 61.% and 100.%/);
  expect(leftOutVerdict(16, [12, 12])).toMatch(/16 of 24.*luck.*47.*82.*50/s);
  expect(leftOutVerdict(3, [4, 4])).toMatch(/3 of 8.*no better/s);
  expect(leftOutVerdict(10, [5, 5])).toMatch(/too few.*72.*100/s);
  expect(leftOutVerdict(95, [50, 50])).toMatch(/95 of 100.*89.*98/s);
  expect(leftOutVerdict(95, [50, 50])).not.toMatch(/few|luck/);
  // 19 of 20 is no feat where 18 are of one class.
  expect(leftOutVerdict(18, [18, 2])).toMatch(/no better/);
  expect(leftOutVerdict(19, [18, 2])).toMatch(/luck.*gives 90/s);
});

test('a method says what its map shows of a class', () => {
  const caption = 'where it looked for {}';
  expect(captionFor(caption, 'siberian_husky')).toBe(
    'Where it looked for Siberian husky',
  );
  expect(captionFor('what the layer responds to', 'pug')).toBe(
    'What the layer responds to',
  );
});

test('nothing that was computed is certain', () => {
  expect(chance(1)).toBe('>99\u202f%');
  expect(chance(0)).toBe('<1\u202f%');
  expect(chance(0.5)).toBe('50\u202f%');
});

test('whose pictures are lacking is said, and why', () => {
  expect(lackingPictures(new Map())).toBe('');
  expect(lackingPictures(new Map([[NO_LONGER_READABLE, ['a.jpg']]]))).toBe(
    'All is saved but the picture of a.jpg, which can no longer be read.',
  );
  const several = new Map([
    [NO_LONGER_READABLE, ['a.jpg', 'b.jpg', 'c.jpg']],
    [WITHOUT_MAP, ['d.jpg']],
  ]);
  expect(lackingPictures(several)).toBe(
    'All is saved but the pictures of a.jpg and 2 more, which can no longer be read, and of d.jpg, of which no map was made (results.csv has the answers, results.jsonl nothing).',
  );
});

test('two maps are told apart by their strength, which their colours do not show', () => {
  expect(strengths(0.5, 0.51)).toBe('At their hottest, both are as strong.');
  expect(strengths(3, 2)).toBe(
    'At its hottest, the first is 1.5 times as strong as the second.',
  );
  expect(strengths(0.01, 0.123)).toBe(
    'At its hottest, the second is 12 times as strong as the first.',
  );
});

test('a map of a class that is far from the likeliest one is told to be weak', () => {
  const of = (maximum: number) => ({ ...map(14, 14, [[0, 0]]), maximum });
  expect(weakness(of(0.01), of(0.15), 'german_shepherd')).toBe(
    'This map is 15 times weaker than the one for German shepherd, though the colours look the same.',
  );
  expect(weakness(of(0.01), of(0.15), 'pug', true)).toBe(
    'This map is 15 times weaker than the one for pug.',
  );
  expect(weakness(of(0.1), of(0.15), 'pug')).toBeUndefined();
  expect(weakness(of(0.15), of(0.01), 'pug')).toBeUndefined();
  expect(weakness(map(14, 14, []), of(1), 'pug')).toBeUndefined();
  expect(weakness(of(0.01), undefined, 'pug')).toBeUndefined();
});

test('two maps overlap where both are warm, whatever their sizes', () => {
  const left = map(1, 2, [[0, 0]]);
  expect(overlap(left, left)).toBe(1);
  expect(overlap(left, map(1, 2, [[0, 1]]))).toBe(0);
  expect(overlap(left, map(1, 2, []))).toBe(0);
  expect(overlap(map(1, 2, []), map(2, 2, []))).toBe(0);
  const lowerLeft = map(2, 2, [[1, 0]]);
  expect(overlap(left, lowerLeft)).toBe(0.5);
  expect(overlap(lowerLeft, left)).toBe(0.5);
});

test.each([
  [0.1, 0.9, 'better'],
  [0.79, 0.9, 'better'],
  [0.81, 0.9, 'level'],
  [0.95, 0.9, 'level'],
  [1, 0.85, 'worse'],
])(
  'with the warm part covered %d, and with the middle %d',
  (covered, covered_centre, expected) => {
    expect(coveredStanding({ probability: 1, covered, covered_centre })).toBe(
      expected,
    );
  },
);

test('a map is no better for the middle that hides something else', () => {
  const covered_centre = 0.5;
  const probability = 0.1;
  for (const covered of [0.1, 0.13, 0.095]) {
    expect(coveredStanding({ probability, covered, covered_centre })).toBe(
      'level',
    );
  }
  const lost = { probability, covered: 0.08, covered_centre };
  expect(coveredStanding(lost)).toBe('better');
});

test('what is lost is a part of what there was', () => {
  const lost = { covered: 0.02, covered_centre: 0.03 };
  expect(coveredStanding({ probability: 0.05, ...lost })).toBe('better');
  expect(coveredStanding({ probability: 0.9, ...lost })).toBe('level');
});

test.each([
  [0.8, 0.7, 0.3, 'better'],
  [0.8, 0.76, 0.3, 'level'],
  [0.8, 0.7, 0.82, 'level'],
  [0.5, 0.6, 0.3, 'worse'],
  [0.5, 0.4, 0.6, 'worse'],
])(
  'shown first, with the areas %d, %d and %d',
  (own, middle, random, expected) => {
    const map = { area: own, curve: [] };
    const centre = { area: middle, curve: [] };
    const random_order = { area: random, curve: [] };
    expect(shownStanding({ map, centre, random_order })).toBe(expected);
  },
);

test.each<[Standing, Standing, string, RegExp]>([
  ['better', 'better', 'Yes', /both tests the map does better/],
  ['better', 'level', 'Probably', /one test the map does better/],
  ['level', 'better', 'Probably', /one test the map does better/],
  ['level', 'level', 'Hard to say', /both tests a guess does as well/],
  ['better', 'worse', 'Hard to say', /one test .* in the other/],
  ['level', 'worse', 'No', /one test a guess does better/],
  ['worse', 'worse', 'No', /both tests a guess does better/],
])('tests that are %s and %s say: %s', (covered, shown, verdict, why) => {
  const [word, reason] = trustVerdict(covered, shown);
  expect(word).toBe(verdict);
  expect(reason).toMatch(why);
});

test('what no test fits is not tested', () => {
  const gradcam = { is_decoration: false, is_against: false };
  const warm = map(14, 14, [[0, 0]]);
  expect(untestable(warm, gradcam, 'pug', 0.01)).toBeUndefined();
  expect(untestable(warm, undefined, 'pug', 0.9)).toBeUndefined();
  expect(untestable(map(14, 14, []), gradcam, 'pug', 0.9)).toBe(
    'no evidence here',
  );
  const edges = { is_decoration: true, is_against: false };
  expect(untestable(warm, edges, 'pug', 0.9)).toMatch(/is a decoration/);
  const against = { is_decoration: false, is_against: true };
  expect(untestable(warm, against, 'Irish_setter', 0.9)).toMatch(
    /here it speaks against Irish setter$/,
  );
  expect(untestable(warm, gradcam, 'pug', 0.004)).toMatch(
    /gives pug only <1\u202f%, too little/,
  );
});

test('model files that are left out', () => {
  expect(modelsLeftOut([])).toBe('');
  expect(modelsLeftOut(['a'])).toBe('');
  expect(modelsLeftOut(['a', 'b'])).toMatch(/a is taken, b is left out\.$/);
  expect(modelsLeftOut(['a', 'b', 'c'])).toMatch(/, b, c are left out\.$/);
});

test('progress is announced where it begins and ends', () => {
  const said = [0, 1, 50, 99, 100].map((n) => progressAnnounced(100, n, 1));
  expect([...new Set(said)]).toEqual([
    'Looking at photos…',
    '99 of 100 done, 1 failed',
  ]);
  expect(progressAnnounced(0, 0, 0)).toBe('');
});

test.each([
  [224, 224, undefined],
  [640, 480, undefined],
  [100, 100, undefined],
  [64, 48, /only 64\u00a0×\u00a048 pixels/],
  [99.6, 99.6, /only 100\u00a0×\u00a0100 pixels/],
  [1500, 500, undefined],
  [1600, 500, /squeezed into a square/],
  [60, 400, /squeezed into a square/],
])('a photo of %d × %d is doubted: %s', (width, height, why) => {
  const said = doubt({ width, height }, 'breed');
  if (why) expect(said).toMatch(why);
  else expect(said).toBeUndefined();
});

test('what the last layer has beside the classes is told of', () => {
  const model = (outputs: number, others: string) => ({
    labels: ['pug', 'beagle'],
    others,
    layers: [{ weight: [outputs, 256] }],
  });
  expect(outputsBeside(model(5, 'another_breed'))).toBe(
    '3 for “another breed”',
  );
  expect(outputsBeside(model(2, ''))).toBeUndefined();
});

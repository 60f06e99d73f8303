import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { camera, ease, turnOff, turnOn, type Words } from '../src/camera';
import { notice } from '../src/news';

class Stream {
  readonly track = { stop: vi.fn(), onended: () => {} };
  getTracks = () => [this.track];
}

/** How the browser answers those who ask for the camera, in their order. */
let answers: { give: (stream: Stream) => void; refuse: (why: Error) => void }[];

beforeEach(() => {
  answers = [];
  vi.stubGlobal('MediaStream', Stream);
  vi.stubGlobal('navigator', {
    mediaDevices: {
      getUserMedia: () =>
        new Promise<Stream>((give, refuse) => answers.push({ give, refuse })),
    },
  });
});
afterEach(() => {
  turnOff();
  vi.unstubAllGlobals();
});

const words = (a: number, b: number, rate = 10, labels = 'ab'): Words => ({
  predictions: [
    { index: 0, label: labels[0]!, probability: a, logit: 0 },
    { index: 1, label: labels[1]!, probability: b, logit: 0 },
  ].sort((one, other) => other.probability - one.probability),
  others: { label: 'other', probability: 1 - a - b },
  rate,
});
const probabilities = ({ predictions, others }: Words) => [
  ...predictions.map(({ label, probability }) => [label, probability]),
  others?.probability,
];

test('what is said changes little by little', () => {
  const eased = ease(words(0.8, 0.1, 10), words(0.2, 0.7, 20), 0.25);
  expect(probabilities(eased)).toEqual([
    ['a', expect.closeTo(0.65)],
    ['b', expect.closeTo(0.25)],
    expect.closeTo(0.1),
  ]);
  expect(eased.rate).toBe(12.5);
  const later = ease(eased, words(0.2, 0.7), 0.75);
  expect(later.predictions[0]!.label).toBe('b');
  expect(ease(eased, { ...later, others: null }, 0.5).others).toBeNull();
});

test('what another model says is not mixed with what was said before', () => {
  const now = words(0.2, 0.7, 20, 'ac');
  expect(ease(words(0.8, 0.1), now, 0.25)).toBe(now);
});

test('a camera that comes when it is no longer wanted is given back', async () => {
  const first = turnOn();
  turnOff();
  const second = turnOn();
  const [early, late] = [new Stream(), new Stream()];
  answers[1]!.give(late);
  await second;
  expect(camera.value).toBe(late);
  answers[0]!.give(early);
  await first;
  expect(camera.value).toBe(late);
  expect(early.track.stop).toHaveBeenCalled();
  expect(late.track.stop).not.toHaveBeenCalled();
});

test('a camera that is refused when it is no longer wanted ends no later attempt', async () => {
  const first = turnOn();
  turnOff();
  const second = turnOn();
  answers[0]!.refuse(new DOMException('it broke', 'NotAllowedError'));
  await first;
  expect(camera.value).toBe('starting');
  const late = new Stream();
  answers[1]!.give(late);
  await second;
  expect(camera.value).toBe(late);
});

test('the end of a camera is no news once there is another one', async () => {
  const [early, late] = [new Stream(), new Stream()];
  const first = turnOn();
  answers[0]!.give(early);
  await first;
  turnOff();
  const second = turnOn();
  answers[1]!.give(late);
  await second;
  early.track.onended();
  expect(camera.value).toBe(late);
  late.track.onended();
  expect(camera.value).toBe('off');
  expect(notice.value?.text).toBe('The camera was taken away.');
});

test('nobody is asked twice', async () => {
  const asking = turnOn();
  await turnOn();
  answers[0]!.give(new Stream());
  await asking;
  await turnOn();
  expect(answers.length).toBe(1);
});

test.each([
  ['NotAllowedError', /Allow it, then try again/],
  ['NotFoundError', /No camera was found/],
  ['OverconstrainedError', /No camera was found/],
  ['NotReadableError', /another program may have it/],
  ['AbortError', /cannot be used: It broke\./],
])('%s is told', async (name, text) => {
  const asking = turnOn();
  answers[0]!.refuse(new DOMException('it broke', name));
  await asking;
  expect(camera.value).toBe('off');
  expect(notice.value?.text).toMatch(text);
});

test('a refusal that comes too late is not told', async () => {
  const asking = turnOn();
  turnOff();
  answers[0]!.refuse(new DOMException('', 'NotAllowedError'));
  await asking;
  expect(notice.value).toBeUndefined();
});

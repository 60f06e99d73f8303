import { describe, expect, test } from 'vitest';
import { halfway, isInside, moved, resized, scaled } from '../src/photos/crop';

describe('the square that the network is shown', () => {
  const photo = { width: 400, height: 300 };
  const crop = { x: 100, y: 100, width: 120, height: 120 };
  const square = (x: number, y: number, side: number) => ({
    x,
    y,
    width: side,
    height: side,
  });

  test.each([
    [square(0, 0, 300), true],
    [square(100, 0, 300), true],
    [square(101, 0, 300), false],
    [square(0, -1, 300), false],
    [square(0, 0, 0), false],
    [square(NaN, 0, 10), false],
  ])('is inside or not: %o', (part, expected) => {
    expect(isInside(part, photo)).toBe(expected);
  });

  test('is moved, as far as the photo goes, by whole pixels', () => {
    expect(moved(crop, 10.4, -20.6, photo)).toEqual(square(110, 79, 120));
    expect(moved(crop, -500, 500, photo)).toEqual(square(0, 180, 120));
  });

  test('in the middle between two it stays in the photo', () => {
    expect(halfway(crop, square(0, 0, 300), photo)).toEqual(
      square(50, 50, 210),
    );
    const [one, other] = [square(100, 0, 300), square(399, 299, 1)];
    expect(isInside(halfway(one, other, photo), photo)).toBe(true);
    const odd = halfway(square(100, 0, 300), square(101, 1, 299), photo);
    expect(isInside(odd, photo)).toBe(true);
  });

  test.each([
    ['se', 30, 10, square(100, 100, 140)],
    ['nw', -30, -10, square(80, 80, 140)],
    ['ne', 20, -20, square(100, 80, 140)],
    ['sw', -20, 20, square(80, 100, 140)],
    ['se', 1000, 1000, square(100, 100, 200)],
    ['nw', -1000, -1000, square(0, 0, 220)],
    ['se', -1000, -1000, square(100, 100, 32)],
    ['nw', 1000, 1000, square(188, 188, 32)],
  ] as const)('dragged at %s by %d, %d', (corner, dx, dy, expected) => {
    expect(resized(crop, corner, dx, dy, photo)).toEqual(expected);
  });

  test('is made larger and smaller about its middle', () => {
    expect(scaled(crop, 0.5, photo)).toEqual(square(130, 130, 60));
    expect(scaled(crop, 1.5, photo)).toEqual(square(70, 70, 180));
    expect(scaled(crop, 10, photo)).toEqual(square(10, 0, 300));
    expect(scaled(crop, 0.01, photo)).toEqual(square(144, 144, 32));
  });

  test('is all of a photo that is smaller still', () => {
    const tiny = { width: 10, height: 20 };
    expect(scaled(square(0, 5, 10), 0.5, tiny)).toEqual(square(0, 5, 10));
    expect(resized(square(0, 5, 10), 'se', -5, -5, tiny)).toEqual(
      square(0, 5, 10),
    );
  });
});

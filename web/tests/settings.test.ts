import { describe, expect, test } from 'vitest';
import { parseSettings } from '../src/settings';

describe('settings', () => {
  const defaults = {
    opacity: 0.5,
    threshold: 0,
    colormap: 'turbo',
    lowMemory: false,
  };

  test.each([
    null,
    '',
    'no json',
    '7',
    '{}',
    '{"opacity": 2}',
    '{"opacity": 0}', // would leave no heat on any photo
    '{"threshold": 1}', // nor would this
    '[]',
    'null',
  ])('fall back to the defaults for %s', (text) => {
    expect(parseSettings(text)).toEqual(defaults);
  });

  test('are taken as stored', () => {
    const stored = {
      opacity: 0.25,
      threshold: 0.4,
      colormap: 'gray',
      lowMemory: true,
    };
    expect(parseSettings(JSON.stringify(stored))).toEqual(stored);
  });
});

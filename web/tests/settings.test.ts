import { describe, expect, test } from 'vitest';
import { parseSettings } from '../src/settings';

describe('settings', () => {
  const defaults = { opacity: 0.5, colormap: 'turbo', lowMemory: false };

  test.each([null, '', 'no json', '7', '{}', '{"opacity": 2}', '[]', 'null'])(
    'fall back to the defaults for %s',
    (text) => {
      expect(parseSettings(text)).toEqual(defaults);
    },
  );

  test('are taken as stored', () => {
    const stored = { opacity: 0.25, colormap: 'gray', lowMemory: true };
    expect(parseSettings(JSON.stringify(stored))).toEqual(stored);
  });
});

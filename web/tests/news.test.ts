import { expect, test } from 'vitest';
import { aside, notice, say } from '../src/news';

test('what is said beside an offer goes with it', () => {
  say('rex.jpg was taken off the page.', { label: 'Put back', take() {} });
  say('This is no file.');
  expect(notice.value?.text).toMatch(/rex/);
  expect(aside.value?.text).toMatch(/no file/);
  notice.value = undefined; // as it is when the offer is taken
  say('This is no file.');
  expect(aside.value).toBeUndefined();
  say('');
  expect(notice.value).toBeUndefined();
});

import { expect, test } from 'vitest';
import { csv } from '../src/saving/csv';

test('a table for spreadsheets has no formulas and quotes what it must', () => {
  const breeds = (...labels: string[]) =>
    labels.map((label, index) => ({
      label,
      index,
      probability: 0.75 / (index + 1),
      logit: 0,
    }));
  const rows = [
    {
      photo: 'a, "b".jpg',
      answer: 'German shepherd',
      predictions: breeds('german_shepherd', 'pug', 'beagle'),
      picture: 'a, "b".pug.png',
    },
    {
      photo: '=1+1.jpg',
      answer: 'Not sure',
      predictions: breeds('pug'),
      others: { label: 'another breed', probability: 0.25 },
    },
    { photo: 'köter.jpg', answer: 'Failed', error: 'cut' },
  ];
  const table = csv(rows, 'breed');
  expect(table.split('\r\n')).toEqual([
    '\uFEFFphoto,picture,answer,breed,probability,second breed,its probability,another breed,error',
    '"a, ""b"".jpg","a, ""b"".pug.png",German shepherd,German shepherd,0.7500,Pug,0.3750,,',
    "'=1+1.jpg,,Not sure,Pug,0.7500,,,0.2500,",
    'köter.jpg,,Failed,,,,,,cut',
    '',
  ]);
});

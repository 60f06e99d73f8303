/** What the page has to say that belongs to no photo: a line above everything, until dismissed. */

import { signal } from '@preact/signals';

export const notice = signal('');

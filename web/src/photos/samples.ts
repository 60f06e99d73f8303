/** Two drawn dogs, for those who have no photo at hand. */

import landscape from '../../pictures/landscape.jpg';
import portrait from '../../pictures/portrait.jpg';
import { fromBase64 } from '../base64';

export function samples(): File[] {
  return [landscape, portrait].map((url, i) => {
    const bytes = fromBase64(url.slice(url.indexOf(',') + 1));
    return new File([bytes], `drawn dog ${i + 1}.jpg`, { type: 'image/jpeg' });
  });
}

import { join } from 'node:path';
import { startPage } from './browser.mjs';
import { spread } from './statistics.mjs';

const RUNS = 5;
const PHOTOS = [1, 2, 5, 10, 20, 50];
const PHONE_PHOTOS = [1, 2, 5, 10, 20];
const MANY = 500;
const AT_ONCE = 25;

/** The page alone: its cost against its workers and the number of photos, and its memory. */
export async function ownSeries({ folder, page, cores, say }) {
  const photo = join(folder, 'photo.png');
  const model = join(folder, 'vgg16.safetensors');
  const start = (given) =>
    startPage({ file: page, photo, workers: cores, ...given });

  say('  VGG16 with 1, 2, ... workers');
  const workers = await use(await start({ model }), (handle) =>
    byWorkers(handle, cores),
  );
  say(`  ${PHOTOS.join(', ')} photos with the model that the page brings`);
  const photos = await use(await start({}), (handle) =>
    byPhotos(handle, PHOTOS),
  );
  say(`  ${PHONE_PHOTOS.join(', ')} photos of 12 megapixels with that model`);
  const phone = join(folder, 'phone.jpg');
  const phonePhotos = await use(await start({ photo: phone }), (handle) =>
    byPhotos(handle, PHONE_PHOTOS),
  );
  say(`  its memory over ${MANY} photos in a row`);
  const memory = await use(await start({}), memoryOverPhotos);
  return { workers, photos, phone_photos: phonePhotos, memory };
}

async function use(handle, work) {
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

/** More workers than cores too: who has them may not know. */
async function byWorkers(handle, cores) {
  const found = [];
  for (let workers = 1; workers <= Math.min(8, 2 * cores); ++workers) {
    await handle.page.evaluate(
      (count) => window.gradcam.setWorkers(count),
      workers,
    );
    const times = [];
    for (let run = -1; run < RUNS; ++run) {
      const { milliseconds } = await handle.ask();
      if (run >= 0) times.push(milliseconds);
    }
    found.push({ workers, milliseconds: spread(times) });
  }
  return found;
}

/** The same photo under other names, all at once, as one drops a folder. */
function addPhotos({ page }, count) {
  return page.evaluate(async (count) => {
    const [photo] = window.chosen.files;
    const files = Array.from(
      { length: count },
      (_, index) =>
        new File([photo], `${index} ${photo.name}`, { type: photo.type }),
    );
    const start = performance.now();
    const lines = await window.gradcam.addPhotos(files);
    const milliseconds = performance.now() - start;
    const failed = lines.find((line) => line.error);
    if (failed) throw new Error(failed.error.message);
    window.gradcam.clear();
    return milliseconds;
  }, count);
}

async function byPhotos(handle, counts) {
  const found = [];
  await addPhotos(handle, 2);
  for (const photos of counts) {
    found.push({ photos, milliseconds: await addPhotos(handle, photos) });
  }
  return found;
}

async function memoryOverPhotos(handle) {
  const found = [];
  for (let photos = AT_ONCE; photos <= MANY; photos += AT_ONCE) {
    await addPhotos(handle, AT_ONCE);
    found.push({ photos, ...(await handle.memory()) });
  }
  return found;
}

/** What files may be that are to be a model or come with one, by their names and what they say. */

import { refusal } from '../shared/outcome';
import type { KeptHead } from './model-store';

const IMPORTED_NAME = /\.(h5|hdf5|keras|pth?|bin|ckpt|tar|onnx)$/i;

const FOREIGN_NAME = /\.(pb|tflite)$/i;

/** Beside an ONNX file: PyTorch writes dogs.onnx.data, others dogs.onnx_data. */
const WEIGHTS_NAME = /[._]data$/i;

/** Heads are small; a larger file is not looked into. */
const MAX_HEAD = 64 << 20;

/** By name, whether a file is a model, of which those of other programs have to be refused. */
function isModel({ name }: File): boolean {
  const names = [/\.safetensors$/i, IMPORTED_NAME, FOREIGN_NAME];
  return names.some((pattern) => pattern.test(name));
}

/** By name, whether a file that comes with a model may name its classes. */
function isNames({ name }: File): boolean {
  return /\.(txt|json)$/i.test(name);
}

/** By name, whether a file is a model of Keras, PyTorch or ONNX. */
export function isImported({ name }: File): boolean {
  return IMPORTED_NAME.test(name);
}

/** What comes with a model file, if anything does. */
export interface Companions {
  /** Names its classes. */
  names?: File;
  /** Has the weights of an ONNX file. */
  weights?: File;
}

/** What files that come together are, by their names. */
export function sortOut(
  files: readonly File[],
): Companions & { models: File[]; others: File[] } {
  const models = files.filter(isModel);
  const names = models.length > 0 ? files.find(isNames) : undefined;
  const isOnnx = models.some(({ name }) => /\.onnx$/i.test(name));
  const weights = isOnnx
    ? files.find(({ name }) => WEIGHTS_NAME.test(name))
    : undefined;
  const known = [...models, names, weights];
  const others = files.filter((file) => !known.includes(file));
  return { models, names, weights, others };
}

const FOREIGN = refusal(
  'unsupported_format',
  'models are read from .safetensors files and those of Keras (.h5, .keras), PyTorch (.pth) and ONNX (.onnx)',
);

const NAMES_ALONE = refusal(
  'unsupported_format',
  'it is no model; a file that names classes is chosen together with the model that has them',
);

/** By name, why a file can be no model, if it cannot. */
export function whyNoModel(file: File): ReturnType<typeof refusal> | undefined {
  if (FOREIGN_NAME.test(file.name)) return FOREIGN;
  return isNames(file) ? NAMES_ALONE : undefined;
}

/** What a file says of itself if that is to be a head. */
export async function headIn(file: File): Promise<KeptHead | undefined> {
  if (file.size > MAX_HEAD) return undefined;
  try {
    const length = new DataView(await file.slice(0, 8).arrayBuffer());
    const end = 8 + Number(length.getBigUint64(0, true));
    const header = JSON.parse(await file.slice(8, end).text());
    const { architecture, base = '' } = header.__metadata__;
    return architecture === 'vgg16-head' ? { base, labels: [] } : undefined;
  } catch {
    return undefined; // the engine will say what is wrong
  }
}

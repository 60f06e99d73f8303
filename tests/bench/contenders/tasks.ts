/**
 * What a contender answers in its worker. The page that starts the worker posts the name of a task
 * and gets back what it returns, or an error as text.
 */

/** The largest logit is explained, unless `maps` has one for every class. */
export interface Answer {
  milliseconds: number;
  logits?: number[];
  map?: number[];
  maps?: number[][];
}

interface Contender {
  /** Loads everything; says what it is. */
  load(): Promise<{ version: string; milliseconds: number }>;
  /** A classification. */
  forward(): Promise<Answer>;
  /** A classification and the heatmap of the most probable class. */
  gradcam(): Promise<Answer>;
  /** A classification and the heatmaps of all classes. */
  gradcam_classes?(): Promise<Answer>;
}

export function serve(contender: Contender): void {
  self.onmessage = async ({ data: task }: MessageEvent<keyof Contender>) => {
    try {
      self.postMessage({ result: await contender[task]!() });
    } catch (error) {
      const text = error instanceof Error ? error.stack : String(error);
      self.postMessage({ error: text });
    }
  };
}

/** Runs `work`, whose time counts, and then `read`, whose time does not. */
export async function timed<T>(
  work: () => Promise<T> | T,
  read: (result: T) => Omit<Answer, 'milliseconds'>,
): Promise<Answer> {
  const start = performance.now();
  const result = await work();
  const milliseconds = performance.now() - start;
  return { milliseconds, ...read(result) };
}

export async function fetchBytes(path: string): Promise<ArrayBuffer> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.statusText}`);
  return response.arrayBuffer();
}

export const CLASSES = 15;
export const SIZE = 224;

/** Bytes from base64. */
export function fromText(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

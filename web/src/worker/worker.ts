/**
 * The worker: one engine, one task at a time, so that the page never waits for the network. It
 * divides the network with its helpers, which are workers of the same making.
 */

import { expose, transfer, wrap } from 'comlink';
import {
  type Box,
  Engine,
  EngineError,
  type ExplainOptions,
  type ModelInfo,
  type Heatmap,
  type Prediction,
} from '../../../wasm/engine';
import { holdLifeline } from '../shared/lifeline';
import { outcomeOf, reasonOf, Stopped } from '../shared/outcome';
import {
  MOST_EXPLAINED_TOGETHER,
  type Answer,
  type HeldInfo,
  type Outcome,
  type WorkerApi,
} from '../shared/protocol';
import { isSameBox } from '../shared/same-box';
import { tidy } from '../shared/tidy';
import { ArrivingFile } from './arriving-file';
import { borrow } from './borrow';
import { Helper, makeHelperApi, type HelperApi } from './helper';
import { take } from './photo';
import { encodePreview } from './preview';
import { SideEngine } from './side-engine';
import { Team, type ModelSource } from './team';

const EXPLAIN_FIRST = 5;
/** Where each class takes a backward pass of its own. */
const EXPLAIN_ONE = 1;

/** Steps of teaching between two words to the page. */
const STEPS_AT_ONCE = 15;

interface HeldPhoto {
  id: number;
  /** With the part that the network was shown last, or is to be shown. */
  info: HeldInfo;
  isPrepared: boolean;
}

const lifeline = holdLifeline();

let module: WebAssembly.Module;
let team: Team;
/** Is told that the start is under way, which may be after the first news of helpers. */
let begin: (starting: Promise<void>) => void;
const started = new Promise<void>((resolve) => (begin = resolve));
started.catch(() => {}); // whoever waits for it will hear of it
let arriving: ArrivingFile;
/** The model at work. */
let model: ModelInfo | undefined;
/** Brings back what last worked. */
let comeBack = async () => {};
/** The photo that the engine holds, of which there may be no more than what the network is shown. */
let held: HeldPhoto | undefined;
/** If this is a helper. */
let side: SideEngine;

const api: WorkerApi = {
  lifeline: () => lifeline,

  start: (compiled, helpers, lowMemory, onLoss) => {
    const start = async () => {
      module = compiled;
      const engine = await Engine.create(module);
      team = new Team(engine, reach(helpers), onLoss);
      team.lowMemory = lowMemory;
    };
    begin(start());
    return started;
  },

  receiveModel: (size, loan) =>
    outcome(async () => {
      arriving = new ArrivingFile(borrow(size, loan));
      return load(arriving);
    }),

  takeModel: (bytes) => arriving.take(bytes),

  returnModel: async () => {
    const bytes = arriving.letGo();
    return transfer(bytes, [bytes.buffer]);
  },

  serve: async (compiled, port) => {
    side = new SideEngine(compiled);
    expose(await makeHelperApi(compiled), port);
  },

  prepare: async (file, preprocess, views, hasPreview) => {
    const outcome = await outcomeOf(() =>
      side.prepare(file, preprocess, views, hasPreview),
    );
    return outcome.ok
      ? transfer(outcome, [outcome.value.views.buffer])
      : outcome;
  },

  paint: async (file, ...how) =>
    withPng(await outcomeOf(() => side.paint(file, ...how))),

  setHelpers: (helpers, lowMemory, allTakePart) =>
    outcome(async () => {
      team.lowMemory = lowMemory;
      team.allTakePart = allTakePart;
      return team.hire(reach(helpers));
    }),

  lost: async (index, reason) => {
    await started; // there is no team before
    team.lose(index, reason);
  },

  hasModel: () => team !== undefined && team.hasModel,

  stop: (id) => {
    if (held?.id === id) team.stop();
  },

  loadModel: (size, loan, progress) =>
    outcome(() => load({ ...borrow(size, loan), isLasting: true }, progress)),

  useHead: (head) =>
    outcome(async () => {
      held = undefined;
      const info = await team.useHead(head);
      model = info;
      comeBack = team.restorer();
      return info;
    }),

  convertModel: (size, loan, precision, progress, about) =>
    outcome(async () => {
      const file = borrow(size, loan);
      // What importing takes of memory goes with an engine of its own.
      const engine = about?.foreign ? await Engine.create(module) : team.engine;
      await engine.convertModel(file, precision, file.write, progress, about);
      return null;
    }),

  features: (fingerprint, views) =>
    ofPhoto(async () => {
      checkModel(fingerprint);
      return team.features(views);
    }),

  teach: (fingerprint, features, labels, views, names, progress) =>
    outcome(async () => {
      checkModel(fingerprint);
      const { engine } = team;
      const teaching = engine.beginTeaching(features, labels, views);
      for (;;) {
        const made = engine.teach(STEPS_AT_ONCE);
        // Waits for the page, so that it can draw and this worker hears of other things.
        await progress(teaching, made);
        if (made.done) return engine.finishTeaching(names);
      }
    }),

  holds: (id, shown) =>
    held?.id === id &&
    (shown ? isSameBox(held.info.crop, shown) : !held.isPrepared),

  hold: (id, source, crop) =>
    outcome(async () => {
      held = undefined;
      team.forget();
      const info = take(team.engine, source, crop);
      held = { id, info, isPrepared: 'views' in source };
      return info;
    }),

  preview: () => ofPhoto(() => encodePreview(team.engine)),

  look: async (how, crop, keep) => {
    const answer = await ofPhoto((photo) => look(photo, how, crop, keep));
    const shown = answer.ok && answer.value.shown;
    return shown ? transfer(answer, [shown.buffer]) : answer;
  },

  closer: (heatmap, crop) =>
    ofPhoto(async () => team.engine.closer(heatmap, crop)),

  explain: (classes, how, report) =>
    ofPhoto(async () => {
      const { inPasses } = team.costOf(how);
      // For the maps of all classes passes take no longer than for those of one.
      const wanted = inPasses ? (allClasses() ?? classes) : classes;
      return (await team.explain(wanted, how, report)).maps;
    }),

  measure: (heatmap, report) => ofPhoto(() => team.measure(heatmap, report)),

  evidence: (index, layer) => ofPhoto(() => team.evidence(index, layer)),

  overlayPng: async (...how) =>
    withPng(await ofPhoto(async () => team.engine.overlayPng(...how))),
};

function withPng(png: Outcome<Uint8Array<ArrayBuffer>>): typeof png {
  return png.ok ? transfer(png, [png.value.buffer]) : png;
}

/** Teaching takes many requests, and another model may come in between. */
function checkModel(fingerprint: string): void {
  if (fingerprint === model?.fingerprint) return;
  throw new EngineError(
    'model_changed',
    'the model was changed while it was being taught; train again to teach the present one',
  );
}

async function look(
  photo: HeldPhoto,
  how: ExplainOptions,
  part?: Box,
  keep = false,
): Promise<Answer> {
  const { info, isPrepared } = photo;
  const { milliseconds: decode } = info;
  team.forget();
  const isUsual = isPrepared && !part;
  const crop = isUsual ? info.crop : team.engine.setCrop(part);
  photo.info = { ...info, crop }; // whether or not there will be an answer
  const { classification, explanation } = await team.lookAt(
    firstClasses(how),
    how,
  );
  const { predictions, others, milliseconds } = classification;
  if (team.lowMemory) tidy();
  return {
    crop,
    predictions,
    others,
    maps: likeliestFirst(explanation.maps, predictions),
    milliseconds: {
      // As on the command line, everything before the network.
      decode: decode + milliseconds.preprocess,
      forward: milliseconds.forward,
      backward: explanation.milliseconds,
    },
    shown: keep ? team.engine.shown() : undefined,
  };
}

function likeliestFirst(
  maps: readonly Heatmap[],
  predictions: readonly Prediction[],
): Heatmap[] {
  const byClass = new Map(maps.map((map) => [map.class, map]));
  return predictions.flatMap(({ index }) => byClass.get(index) ?? []);
}

/** The classes that are explained before someone asks for them; none where even one is slow. */
function firstClasses(how: ExplainOptions) {
  const { inPasses, allAtOnce } = team.costOf(how);
  if (allAtOnce) return allClasses() ?? EXPLAIN_FIRST;
  return inPasses ? 0 : EXPLAIN_ONE;
}

/** All classes, if they are not too many to be explained together. */
function allClasses(): readonly number[] | undefined {
  const { classes } = model!;
  return classes > MOST_EXPLAINED_TOGETHER
    ? undefined
    : [...Array(classes).keys()];
}

function reach(ports: readonly MessagePort[]) {
  return ports.map((port, index) => new Helper(index, wrap<HelperApi>(port)));
}

/** Loads a model; if that fails, the one before it stays, as far as it can be read again. */
async function load(
  source: ModelSource,
  progress?: (part: number) => void,
): Promise<ModelInfo> {
  await started;
  try {
    const info = await team.load(source, progress);
    model = info;
    comeBack = team.restorer();
    held = undefined;
    return info;
  } catch (error) {
    // Some members may have the new one already. If its file is gone the page sees to it.
    await comeBack().catch(() => {});
    throw error;
  }
}

/** Turns what is thrown into a value, and a crash of the engine into a new engine. */
function outcome<T>(task: () => Promise<T>): Promise<Outcome<T>> {
  return outcomeOf(task, restart);
}

/** The same about the photo held; the page may ask before it knows whether one could be. */
function ofPhoto<T>(
  task: (photo: HeldPhoto) => Promise<T>,
): Promise<Outcome<T>> {
  return outcome(async () => {
    if (!held) throw new Stopped();
    return task(held);
  });
}

/** After a trap, most often for lack of memory, only a fresh memory can be trusted. */
async function restart(cause: unknown): Promise<string> {
  held = undefined;
  const reason = reasonOf(cause);
  try {
    team.hasModel = false;
    team.engine = await Engine.create(module);
    await comeBack();
    return `the engine failed at this and was started anew (${reason})`;
  } catch {
    return `the engine failed and could not be started anew (${reason})`;
  }
}

expose(api);

/**
 * The network divided among several workers, as the first of them sees it. The others, its helpers,
 * have an engine and a share of the weights each; they talk to each other through ports of their
 * own, and share nothing.
 */

import { proxy, transfer, type Remote } from 'comlink';
import {
  USUAL_LAYER,
  USUAL_METHOD,
  type Classification,
  type Engine,
  type Evidence,
  type ExplainOptions,
  type LoadOptions,
  type Explanation,
  type Trust,
  type Heatmap,
  type ModelInfo,
  type PassProgress,
  type PieceReader,
} from '../../../wasm/engine';
import { Stopped } from '../shared/outcome';
import { FIRST, type Outcome } from '../shared/protocol';
import { pause } from '../shared/pause';
import {
  HelperLost,
  portAt,
  type End,
  type Helper,
  type HelperApi,
} from './helper';
import { Member } from './member';

/** Is told how far something is that takes many forward passes. */
type Report = (progress: PassProgress) => unknown;

/** A model. */
export interface ModelSource extends PieceReader {
  /** Whether it can be read at any time: then some of it may be left where it is. */
  isLasting?: boolean;
  /** If the page has lent it, what others can borrow it by. */
  loan?: number;
}

/** Classes to be explained: these, or so many of the most probable ones. */
type Wanted = readonly number[] | number;

/**
 * With fewer multiply-adds each, members would wait longer for each other's messages than they save:
 * a VGG16 is work for eight, the model in the page for one.
 */
const LEAST_OF_MEMBER = 2e9;

/** Firefox takes 40 ms or more to send so many bytes by a port, other browsers 2 at most. */
const TRIAL_BYTES = 4 << 20;
const TRIALS = 4;
const SLOW = 12;

export class Team {
  /** `LoadOptions.lowMemory`, from the next model on. */
  lowMemory = false;
  /** Whether all helpers have a part in the next models, also where fewer would be faster. */
  allTakePart = false;
  /**
   * Whether all members have the present model and the head on it, and what was left in its file
   * could be read; else load another one.
   */
  hasModel = false;
  private member: Member | undefined;
  /** The helpers that have a part in the present model; they stay its members if they go. */
  private partners: readonly Helper[] = [];
  private model: ModelSource | undefined;
  /** A last layer in the place of the model's own. */
  private head: Uint8Array | undefined;
  private isClassified = false;
  private runs = 0;
  private isStopped = false;

  /**
   * @param engine the first worker's own, which holds the photo
   * @param onLoss is told which helper is not there any more, and why
   */
  constructor(
    public engine: Engine,
    private helpers: readonly Helper[],
    private readonly onLoss: (index: number, reason: string) => void,
  ) {}

  /** Takes other helpers in the place of those before. */
  hire(helpers: readonly Helper[]): Promise<ModelInfo> {
    this.helpers = helpers;
    return this.reload();
  }

  /** A helper is known to have gone. */
  lose(index: number, reason: string): void {
    const helper = this.helpers.find((each) => each.index === index);
    if (!helper) return;
    helper.lose(reason);
    this.drop(helper, reason);
  }

  /** How many workers divide the network at present. */
  get members(): number {
    return 1 + this.partners.length;
  }

  /**
   * Loads a model, each member its share. If that fails, the members may have different models:
   * load another one.
   */
  load(
    model: ModelSource,
    progress?: (part: number) => void,
  ): Promise<ModelInfo> {
    this.model = model;
    this.head = undefined;
    this.hasModel = false;
    let unreadable: unknown;
    const noteFailure = (error: unknown) => {
      unreadable ??= error;
      throw error;
    };
    const source: PieceReader = {
      size: model.size,
      read: (begin, end) => model.read(begin, end).catch(noteFailure),
    };
    return this.withoutLost(false, async () => {
      this.isClassified = false;
      this.member?.close();
      this.partners = this.helpers.slice(0, await this.helpersFor(source));
      const ends = (await this.arePortsSlow())
        ? throughPage([FIRST, ...this.partners.map(({ index }) => index)])
        : connect(this.members);
      const joining = this.partners.map((helper, i) =>
        this.join(helper, i + 1, ends[i + 1]!, source),
      );
      const share = this.share(0);
      const loading = this.engine.loadModel(source, progress, share);
      try {
        await allOf([loading, ...joining]);
      } catch (error) {
        // Not the helper's fault, who would only say that it failed.
        throw unreadable ?? error;
      }
      const ports = ends[0]!.map(portAt);
      this.member = new Member(this.engine, ports, this.watched(model));
      this.hasModel = true;
      return loading;
    });
  }

  /** Brings the present model back, and the head on it, after the failure of another one. */
  restorer(): () => Promise<void> {
    const { model, head } = this;
    return async () => {
      if (model) await this.loadWith(model, head);
    };
  }

  /** Puts a head in the place of the model's last layer, or that layer back. */
  useHead(head: Uint8Array | undefined): Promise<ModelInfo> {
    return this.withoutLost(true, async () => {
      // The first one checks whether it fits.
      const info = this.engine.useHead(head);
      this.isClassified = false;
      this.head = head;
      this.hasModel = false;
      await allOf(
        this.partners.map((helper) => helper.ask((api) => api.useHead(head))),
      );
      this.hasModel = true;
      return info;
    });
  }

  /** What the last layer takes, of some views of the photo that the engine holds. */
  features(views: readonly number[]): Promise<Float32Array<ArrayBuffer>[]> {
    return this.withoutLost(true, async () => {
      const result = [];
      for (const view of views) {
        await this.classify(undefined, view);
        result.push(this.engine.features());
      }
      this.isClassified = false;
      return result;
    });
  }

  /** The photo that the engine holds is another one now. */
  forget(): void {
    this.isClassified = false;
  }

  /** Classifies the photo that the engine holds, and explains these classes of it. */
  lookAt(
    classes: Wanted,
    how: ExplainOptions = {},
  ): Promise<{ classification: Classification; explanation: Explanation }> {
    this.isStopped = false;
    return this.withoutLost(true, async () => {
      if (typeof classes !== 'number') {
        return this.classifyAndExplain(classes, how);
      }
      const classification = await this.classify(how);
      const top = classification.predictions.slice(0, classes);
      const indices = top.map(({ index }) => index);
      const explanation = await this.mapsOf(indices, how);
      return { classification, explanation };
    });
  }

  /** Explains classes of the photo that the engine holds. */
  explain(
    classes: readonly number[],
    how: ExplainOptions = {},
    report?: Report,
  ): Promise<Explanation> {
    this.isStopped = false;
    return this.withoutLost(true, async () => {
      if (this.isClassified || classes.length === 0) {
        return this.mapsOf(classes, how, report);
      }
      return (await this.classifyAndExplain(classes, how, report)).explanation;
    });
  }

  /** Whether a heatmap of the photo that the engine holds shows what the network used. */
  measure(heatmap: Heatmap, report?: Report): Promise<Trust> {
    this.isStopped = false;
    return this.withoutLost(true, async () => {
      if (!this.isClassified) await this.classify();
      this.engine.beginMeasure(heatmap);
      await this.runPasses(report);
      return this.engine.trust();
    });
  }

  /** What the Grad-CAM map of a class of the photo that the engine holds, at a layer, was made of. */
  evidence(index: number, layer = USUAL_LAYER): Promise<Evidence> {
    return this.withoutLost(true, async () => {
      if (!this.isClassified) await this.classify({ layer });
      await this.together(
        (api, run) => api.evidence(run, index, layer),
        () => this.engine.beginEvidence(index, layer),
      );
      return this.engine.evidence();
    });
  }

  /** What maps take: many forward passes, or for all classes little more than for one. */
  costOf({ method = USUAL_METHOD, layer = USUAL_LAYER }: ExplainOptions): {
    inPasses: boolean;
    allAtOnce: boolean;
  } {
    const { methods } = this.engine.about();
    const known = methods.find(({ name }) => name === method);
    return {
      inPasses: known?.in_passes.includes(layer) === true,
      allAtOnce: known?.all_at_once.includes(layer) === true,
    };
  }

  /** Ends what is under way, within a layer or 16 ms, with `Stopped`. */
  stop(): void {
    this.isStopped = true;
    this.member?.stop();
  }

  /** Loads the present model, and the head on it. */
  reload(): Promise<ModelInfo> {
    return this.loadWith(this.model!, this.head);
  }

  private async loadWith(
    model: ModelSource,
    head: Uint8Array | undefined,
  ): Promise<ModelInfo> {
    const info = await this.load(model);
    if (!head) return info;
    this.hasModel = false;
    return this.useHead(head);
  }

  /** A model's file; once it cannot be read, the model is of no more use. */
  private watched(model: ModelSource): PieceReader {
    const noteFailure = (error: unknown) => {
      if (this.model === model) this.hasModel = false;
      throw error;
    };
    return {
      size: model.size,
      read: (begin, end) => model.read(begin, end).catch(noteFailure),
    };
  }

  /** How many helpers are of use with a model. */
  private async helpersFor(source: PieceReader): Promise<number> {
    const all = this.helpers.length;
    if (this.allTakePart || all === 0) return all;
    const work = await this.engine.multiplyAddsOf(source);
    return Math.max(1, Math.round(work / LEAST_OF_MEMBER)) - 1;
  }

  /** Whether members reach each other faster through the page, as in Firefox. */
  private async arePortsSlow(): Promise<boolean> {
    const [helper] = this.partners;
    if (!helper) return false;
    await helper.ask((api) => api.weigh(new ArrayBuffer())); // until it has started
    for (let i = 0; i < TRIALS; i++) {
      const bytes = new ArrayBuffer(TRIAL_BYTES);
      const start = performance.now();
      await helper.ask((api) => api.weigh(transfer(bytes, [bytes])));
      if (performance.now() - start < SLOW) return false;
    }
    return true;
  }

  /** Does without a helper from the next model on. */
  private drop(helper: Helper, reason: string): void {
    if (!this.helpers.includes(helper)) return;
    this.helpers = this.helpers.filter((other) => other !== helper);
    this.onLoss(helper.index, reason);
  }

  private share(member: number): LoadOptions {
    const { members, lowMemory } = this;
    const leaveFc1 = lowMemory && members === 1 && this.model!.isLasting;
    return { member, members, lowMemory, leaveFc1 };
  }

  private join(
    helper: Helper,
    member: number,
    ends: (End | null)[],
    source: PieceReader,
  ): Promise<null> {
    const share = this.share(member);
    const ports = ends.filter((end) => end instanceof MessagePort);
    const read = proxy(async (begin: number, end: number) => {
      const bytes = await source.read(begin, end);
      return transfer(bytes, [bytes.buffer as ArrayBuffer]);
    });
    return helper.ask((api) => {
      const own = transfer(ends, ports);
      return api.join(share, own, source.size, this.model!.loan ?? read);
    });
  }

  /** @param how what will be asked is to be answered, if that is known */
  private async classify(
    how?: ExplainOptions,
    view = 0,
  ): Promise<Classification> {
    this.isClassified = false;
    let preprocess = 0;
    let start = 0;
    await this.together(
      (api, run) => api.forward(run, how),
      () => {
        ({ milliseconds: preprocess } = this.engine.beginForward(how, view));
        start = performance.now();
      },
    );
    const forward = performance.now() - start;
    const found = this.engine.predictions();
    this.isClassified = true;
    return { ...found, milliseconds: { preprocess, forward } };
  }

  /** After `classify`. */
  private async mapsOf(
    classes: readonly number[],
    how: ExplainOptions,
    report?: Report,
  ): Promise<Explanation> {
    // Many forward passes would be for nothing.
    if (classes.length === 0) return { maps: [], milliseconds: 0 };
    const start = performance.now();
    await this.together(
      (api, run) => api.explain(run, classes, how),
      () => this.engine.beginExplain(classes, how),
    );
    return this.mapsBegun(start, report);
  }

  /** Both at once: no member waits for another one, or for this, in between. */
  private async classifyAndExplain(
    classes: readonly number[],
    how: ExplainOptions,
    report?: Report,
  ): Promise<{ classification: Classification; explanation: Explanation }> {
    this.isClassified = false;
    let preprocess = 0;
    let start = 0;
    let end = 0;
    await this.together(
      (api, run) => api.forward(run, how, classes),
      () => {
        ({ milliseconds: preprocess } = this.engine.beginForward(how));
        start = performance.now();
      },
      () => {
        end = performance.now();
        this.engine.beginExplain(classes, how);
      },
    );
    const found = this.engine.predictions();
    this.isClassified = true;
    const explanation = await this.mapsBegun(end, report);
    const milliseconds = { preprocess, forward: end - start };
    return { classification: { ...found, milliseconds }, explanation };
  }

  /** The maps of what was begun at a time, after the passes that are left of it. */
  private async mapsBegun(
    start: number,
    report?: Report,
  ): Promise<Explanation> {
    await this.runPasses(report);
    const maps = this.engine.maps();
    return { maps, milliseconds: performance.now() - start };
  }

  /** Runs the passes that are left of what was begun; in between this worker hears of other things. */
  private async runPasses(report: Report = () => {}): Promise<void> {
    const all = this.engine.passesLeft().passes;
    for (;;) {
      const { passes, from } = this.engine.passesLeft();
      if (passes === 0) return;
      void report({ done: all - passes, passes: all });
      await pause();
      if (this.isStopped) throw new Stopped();
      this.isClassified = false;
      await this.together(
        (api, run) => api.pass(run, from),
        () => this.engine.beginPass(from),
      );
    }
  }

  /**
   * Lets all members do something, and waits until all are done: the others by a command, the first
   * one by `Member.together`.
   */
  private async together(
    command: (api: Remote<HelperApi>, run: number) => Promise<Outcome<null>>,
    ...begins: (() => void)[]
  ): Promise<void> {
    const run = ++this.runs;
    const member = this.member!;
    const parts = [
      ...this.partners.map((helper) => helper.ask((api) => command(api, run))),
      member.together(run, ...begins),
    ];
    const stop = () => {
      member.stop(run);
      for (const helper of this.partners) helper.stop(run);
    };
    for (const part of parts) part.catch(stop);
    try {
      await allOf<unknown>(parts);
    } catch (error) {
      this.isClassified = false;
      throw error;
    }
  }

  /** Repeats a task that failed for the loss of a helper, without the helper. */
  private async withoutLost<T>(
    reload: boolean,
    task: () => Promise<T>,
  ): Promise<T> {
    for (;;) {
      try {
        return await task();
      } catch (error) {
        if (!(error instanceof HelperLost)) throw error;
        this.drop(error.helper, error.message);
        if (reload) await this.reload();
      }
    }
  }
}

/** Waits for all to settle; then throws the error of the first one that failed, if one did. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<void> {
  let first: { error: unknown } | undefined;
  for (const promise of promises) {
    promise.catch((error: unknown) => (first ??= { error }));
  }
  await Promise.allSettled(promises);
  if (first) throw first.error;
}

/** Ends of ways through the page from each member to each other one, which know each other so. */
function throughPage(members: readonly number[]): (number | null)[][] {
  return members.map((from) => members.map((to) => (to === from ? null : to)));
}

/** Ports from each member to each other one: [from][to]. */
function connect(members: number): (MessagePort | null)[][] {
  const ports = Array.from({ length: members }, () =>
    new Array<MessagePort | null>(members).fill(null),
  );
  for (let a = 0; a < members; a++) {
    for (let b = a + 1; b < members; b++) {
      const { port1, port2 } = new MessageChannel();
      ports[a]![b] = port1;
      ports[b]![a] = port2;
    }
  }
  return ports;
}

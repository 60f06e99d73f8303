/** A worker that helps another one, as one member of the network; and how that one reaches it. */

import type { Remote } from 'comlink';
import {
  Engine,
  EngineError,
  type ExplainOptions,
  type LoadOptions,
  type PieceReader,
} from '../../../wasm/engine';
import { Breakable } from '../shared/breakable';
import { outcomeOf, Stopped, wasStopped } from '../shared/outcome';
import type { Outcome } from '../shared/protocol';
import { readerOf } from './borrow';
import { Member } from './member';
import { PagePort, type Port } from './page-port';

/** A member's end of its way to another one: a port, or what the page knows that one by. */
export type End = MessagePort | number;

export function portAt(end: End | null): Port | null {
  return typeof end === 'number' ? new PagePort(end) : end;
}

/** What a helper does for the first worker; comlink carries it. */
export interface HelperApi {
  /**
   * Loads its share of a model, of which it gets the size, and what the page has lent it by or a
   * function that reads it. `ends` lead to the other members, by their number.
   */
  join(
    share: LoadOptions,
    ends: (End | null)[],
    size: number,
    source: number | PieceReader['read'],
  ): Promise<Outcome<null>>;
  /** `Engine.useHead`. */
  useHead(head: Uint8Array | undefined): Promise<Outcome<null>>;
  /**
   * Takes part in classifying the photo of the first worker; and right after it, if they are known
   * already, in explaining these classes.
   */
  forward(
    run: number,
    how?: ExplainOptions,
    classes?: readonly number[],
  ): Promise<Outcome<null>>;
  /** Takes part in explaining these classes. */
  explain(
    run: number,
    classes: readonly number[],
    how: ExplainOptions,
  ): Promise<Outcome<null>>;
  /** Takes part in gathering what the Grad-CAM map of a class at a layer is made of. */
  evidence(run: number, index: number, layer: string): Promise<Outcome<null>>;
  /** Takes part in a pass of what the first worker explains or measures. */
  pass(run: number, from: string | null): Promise<Outcome<null>>;
  /** Takes these bytes, and does nothing with them. */
  weigh(bytes: ArrayBuffer): Promise<Outcome<null>>;
  /** Ends a run, which then fails, or will not begin. */
  stop(run: number): void;
}

export async function makeHelperApi(
  module: WebAssembly.Module,
): Promise<HelperApi> {
  const engine = await Engine.create(module);
  let member: Member | undefined;

  const together = (run: number, ...begins: (() => void)[]) =>
    outcomeOf(async () => {
      await member!.together(run, ...begins);
      return null;
    });

  return {
    join: (share, ends, size, source) =>
      outcomeOf(async () => {
        member?.close();
        // Listens before it has loaded: others may have begun by then.
        member = new Member(engine, ends.map(portAt));
        // A network that is divided takes its time to be read; the others come sooner without.
        engine.warmUp();
        const read = typeof source === 'number' ? readerOf(source) : source;
        await engine.loadModel({ size, read }, undefined, share);
        return null;
      }),
    useHead: (head) =>
      outcomeOf(async () => {
        engine.useHead(head);
        return null;
      }),
    forward: (run, how, classes) =>
      together(
        run,
        () => engine.beginForward(how),
        ...(classes ? [() => engine.beginExplain(classes, how)] : []),
      ),
    explain: (run, classes, how) =>
      together(run, () => engine.beginExplain(classes, how)),
    evidence: (run, index, layer) =>
      together(run, () => engine.beginEvidence(index, layer)),
    pass: (run, from) => together(run, () => engine.beginPass(from)),
    weigh: () => outcomeOf(async () => null),
    stop: (run) => member?.stop(run),
  };
}

/** A helper, of whom the first worker is told if it goes. */
export class Helper {
  private readonly life = new Breakable();

  /** @param index what the page knows it by */
  constructor(
    readonly index: number,
    private readonly api: Remote<HelperApi>,
  ) {}

  /** What it answers; throws its refusal, or `HelperLost` if it is of no more use. */
  async ask(
    request: (api: Remote<HelperApi>) => Promise<Outcome<null>>,
  ): Promise<null> {
    const answer = await this.life.wait(() => request(this.api));
    if (answer.ok) return answer.value;
    if (wasStopped(answer)) throw new Stopped();
    const { code, message } = answer.failure;
    if (code === 'internal' || code === 'out_of_memory') {
      throw new HelperLost(this, message);
    }
    throw new EngineError(code, message);
  }

  /** Ends its part in a run. */
  stop(run: number): void {
    void this.api.stop(run);
  }

  /** It has gone. */
  lose(reason: string): void {
    this.life.break(new HelperLost(this, reason));
  }
}

export class HelperLost extends Error {
  constructor(
    readonly helper: Helper,
    reason: string,
  ) {
    super(reason);
  }
}

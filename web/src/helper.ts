/** What a worker does that helps another one: one member of the network. */

import { Engine } from '../../wasm/engine';
import { Member } from './member';
import { outcome } from './outcome';
import type { HelperApi } from './team';

export async function makeHelperApi(
  module: WebAssembly.Module,
): Promise<HelperApi> {
  const engine = await Engine.create(module);
  // While the first worker still unpacks the model.
  engine.warmUp();
  let member: Member | undefined;

  const together = (run: number, begin: () => void) =>
    outcome(async () => {
      await member!.together(run, begin);
      return null;
    });

  return {
    join: (share, ports, size, read) =>
      outcome(async () => {
        member?.close();
        // Listens before it has loaded: others may have begun by then.
        member = new Member(engine, ports);
        await engine.loadModel({ size, read }, undefined, share);
        return null;
      }),
    useHead: (head) =>
      outcome(async () => {
        engine.useHead(head);
        return null;
      }),
    forward: (run, how) => together(run, () => engine.beginForward(how)),
    explain: (run, classes, how) =>
      together(run, () => engine.beginExplain(classes, how)),
    evidence: (run, index) => together(run, () => engine.beginEvidence(index)),
    pass: (run, from) => together(run, () => engine.beginPass(from)),
    stop: (run) => member?.stop(run),
  };
}

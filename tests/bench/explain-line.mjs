/** A contender's answer from a line as this project's page and program give it for a photo. */
export function answerOf({
  top,
  heatmap,
  milliseconds: { forward, backward },
}) {
  const logits = new Array(top.length);
  for (const { index, logit } of top) logits[index] = logit;
  return {
    milliseconds: forward + backward,
    forward,
    logits,
    map: heatmap.values,
  };
}

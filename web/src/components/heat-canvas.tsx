import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Heatmap } from '../../../wasm/engine';
import { release } from '../../../wasm/pieces';
import { painter } from '../backend';
import { colormap } from '../settings';

/** A heatmap in the chosen colours; an image with that label, or decoration without one. */
export function HeatCanvas(props: {
  heatmap: Pick<Heatmap, 'rows' | 'cols' | 'values'>;
  width: number;
  height: number;
  label?: string;
}) {
  const { heatmap, width, height, label } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const engine = painter.value?.engine;
  const colours = colormap.value;
  useLayoutEffect(() => {
    if (!engine) return;
    const { data } = engine.heatRgba(heatmap, colours, width, height);
    const context = canvas.current!.getContext('2d')!;
    context.putImageData(new ImageData(data, width), 0, 0);
    release(data);
  }, [engine, heatmap, colours, width, height]);
  return (
    <canvas
      ref={canvas}
      class="heat"
      width={width}
      height={height}
      {...(label
        ? { role: 'img', 'aria-label': label }
        : { 'aria-hidden': true })}
    />
  );
}

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Box, Heatmap, HeatValues } from '../../../wasm/engine';
import { release } from '../../../wasm/pieces';
import { painter } from '../backend/network';
import { enlarged, screenChanges } from '../photos/enlarge';
import { colormap, threshold } from '../settings';
import { useIsOffScreen } from './screen-place';

/** Pixels of the longer side of heat on a picture: it is smooth, the browser may enlarge it. */
const HEAT_SIDE = 256;

/** The heat on what the network saw of a picture. */
export function HeatOnCrop(props: {
  heatmap: Heatmap;
  crop: Box;
  label: string;
}) {
  const { heatmap, crop, label } = props;
  const scale = HEAT_SIDE / Math.max(crop.width, crop.height);
  return (
    <HeatCanvas
      heatmap={heatmap}
      width={Math.max(1, Math.round(crop.width * scale))}
      height={Math.max(1, Math.round(crop.height * scale))}
      label={label}
      isCut
    />
  );
}

/** A heatmap in the chosen colours; an image with that label, or decoration without one. */
export function HeatCanvas(props: {
  heatmap: HeatValues;
  width: number;
  height: number;
  label?: string;
  /** Whether what is below the threshold of the settings is left out. */
  isCut?: boolean;
}) {
  const { heatmap, label, isCut } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const engine = painter.value?.engine;
  // A canvas off the screen would keep its pixels in memory, and be drawn anew in other colours.
  const isDrawn = !useIsOffScreen();
  const colours = isDrawn ? colormap.value : undefined;
  const least = isDrawn && isCut ? threshold.value : 0;
  // The edge of what is cut is not smooth.
  const fineness = least > 0 ? 2 : 1;
  const width = fineness * props.width;
  const height = fineness * props.height;
  const draw = () => {
    const { current: element } = canvas;
    // Also gives its memory up.
    element!.width = isDrawn ? width : 0;
    element!.height = height;
    if (!engine || colours === undefined) return;
    const { data } = engine.heatRgba(heatmap, colours, width, height, least);
    const context = element!.getContext('2d')!;
    context.putImageData(new ImageData(data, width), 0, 0);
    release(data);
  };
  useLayoutEffect(draw, [engine, heatmap, colours, width, height, least]);
  // Of what was drawn before, WebKit may show nothing on the whole screen, nor after it.
  const { value: changes } = screenChanges;
  const drawnAt = useRef(changes);
  useEffect(() => {
    const isVisible =
      !enlarged.value || canvas.current!.closest('[data-enlarged=true]');
    if (drawnAt.current === changes || !isVisible) return;
    drawnAt.current = changes;
    draw();
  }, [changes]);
  return (
    <canvas
      ref={canvas}
      class="heat"
      {...(label
        ? { role: 'img', 'aria-label': label }
        : { 'aria-hidden': true })}
    />
  );
}

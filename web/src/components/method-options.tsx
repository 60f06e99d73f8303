import type { EngineInfo } from '../../../wasm/engine';
import { layer } from '../settings';

type Methods = EngineInfo['methods'];

/**
 * What a select of methods holds: those that answer at once at the layer of the settings, those that
 * are slow there, and what is no answer.
 */
export function MethodOptions({ methods }: { methods: Methods }) {
  const { value: at } = layer;
  const decorations = methods.filter((each) => each.is_decoration);
  const answers = methods.filter((each) => !each.is_decoration);
  const groups: [string, Methods][] = [
    ['At once', answers.filter((each) => !each.in_passes.includes(at))],
    [
      'Slow: asks the network again and again',
      answers.filter((each) => each.in_passes.includes(at)),
    ],
    ['Decoration: edges, not evidence', decorations],
  ];
  return (
    <>
      {groups.map(([label, members]) => (
        <optgroup key={label} label={label}>
          {members.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </optgroup>
      ))}
    </>
  );
}

import { drawingTheme } from './colors.js';
import { px, safe } from './markup.js';

const gap = 18;

/** Style of what lies between the drawings. */
const stackStyle = `${drawingTheme('stack')}\n.stack .ground{fill:var(--paper)}\n`;

/**
 * Drawings under each other as one, each of its own size, for a file that can hold only one.
 * @throws RangeError for what is no drawing with a width and a height.
 */
export function stackSvg(drawings: readonly string[], title: string): string {
  let [width, height] = [0, 0];
  const placed = drawings.map((drawing) => {
    const [own, high] = sizeOf(drawing);
    const y = height;
    width = Math.max(width, own);
    height += high + gap;
    return drawing.replace('<svg ', `<svg y="${px(y)}" `);
  });
  const size = `viewBox="0 0 ${px(width)} ${px(height - gap)}" width="${px(width)}" height="${px(height - gap)}"`;
  const label = `role="group" aria-label="${safe(title)}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" class="stack" ${size} ${label}><style>${stackStyle}</style><rect class="ground" width="100%" height="100%"/>${placed.join('')}</svg>`;
}

function sizeOf(drawing: string): [width: number, height: number] {
  const found = /^<svg [^>]*?\bwidth="([\d.]+)" height="([\d.]+)"/.exec(drawing);
  if (!found) throw new RangeError('stackSvg: a drawing must begin with an svg element that has width and height');
  return [Number(found[1]), Number(found[2])];
}

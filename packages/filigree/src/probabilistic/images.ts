import { InputError } from '../errors.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { Regions } from './regions.js';

export interface ImageOptions {
  /** Units of each region. */
  readonly latents: number;
  readonly seed?: number;
}

export interface PoonDomingosOptions extends ImageOptions {
  /** Pixels between splits; pieces of at most this size are not split. Default: a quarter of the longer side. */
  readonly step?: number;
}

/** Rows `top` to `bottom` and columns `left` to `right`, ends not included. */
interface Piece {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/**
 * All ways to cut an image along its axes at multiples of a step; each rectangle is a region that all ways to reach it share. Poon and
 * Domingos, "Sum-product networks: a new deep architecture", UAI 2011.
 * @param shape height and width; variable `row * width + column` is that pixel
 */
export function poonDomingos(
  states: ArrayLike<number>,
  shape: readonly [height: number, width: number],
  options: PoonDomingosOptions,
): ProbabilisticCircuit {
  const { latents, seed = 0, step = Math.max(1, Math.ceil(Math.max(...shape) / 4)) } = options;
  checkShape(states, shape);
  if (!(Number.isInteger(step) && step >= 1)) throw new InputError('the step must be at least one pixel');
  const regions = new Regions(states, latents, seed);
  const made = new Map<string, number[]>();
  const region = (piece: Piece): number[] => {
    const key = Object.values(piece).join();
    const known = made.get(key);
    if (known) return known;
    const ways = splits(piece);
    const units = ways.length === 0 ? regions.leaf(pixels(piece, shape[1])) : regions.sum(ways);
    made.set(key, units);
    return units;
  };
  const splits = (piece: Piece): number[][] => {
    const { top, bottom, left, right } = piece;
    const ways: number[][] = [];
    for (let at = (Math.floor(top / step) + 1) * step; at < bottom; at += step) {
      ways.push(regions.product([region({ ...piece, bottom: at }), region({ ...piece, top: at })]));
    }
    for (let at = (Math.floor(left / step) + 1) * step; at < right; at += step) {
      ways.push(regions.product([region({ ...piece, right: at }), region({ ...piece, left: at })]));
    }
    return ways;
  };
  const whole = { top: 0, bottom: shape[0], left: 0, right: shape[1] };
  const ways = splits(whole);
  return regions.finish(ways.length > 0 ? ways : [regions.leaf(pixels(whole, shape[1]))]);
}

/**
 * A quad tree: an image is four quarters, each of which is four quarters, down to pixels.
 * @param shape height and width; variable `row * width + column` is that pixel
 */
export function quadTree(
  states: ArrayLike<number>,
  shape: readonly [height: number, width: number],
  options: ImageOptions,
): ProbabilisticCircuit {
  const { latents, seed = 0 } = options;
  checkShape(states, shape);
  const regions = new Regions(states, latents, seed);
  const quarters = ({ top, bottom, left, right }: Piece): number[] => {
    const [middle, centre] = [Math.ceil((top + bottom) / 2), Math.ceil((left + right) / 2)];
    const parts: Piece[] = [];
    for (const [t, b] of [
      [top, middle],
      [middle, bottom],
    ]) {
      for (const [l, r] of [
        [left, centre],
        [centre, right],
      ]) {
        if (b > t && r > l) parts.push({ top: t, bottom: b, left: l, right: r });
      }
    }
    return regions.product(parts.map(region));
  };
  const region = (piece: Piece): number[] => {
    const own = pixels(piece, shape[1]);
    return own.length === 1 ? regions.leaf(own) : regions.sum([quarters(piece)]);
  };
  const whole = { top: 0, bottom: shape[0], left: 0, right: shape[1] };
  return regions.finish([states.length === 1 ? regions.leaf([0]) : quarters(whole)]);
}

function pixels({ top, bottom, left, right }: Piece, width: number): number[] {
  const list: number[] = [];
  for (let row = top; row < bottom; row++)
    for (let column = left; column < right; column++) list.push(row * width + column);
  return list;
}

function checkShape(states: ArrayLike<number>, [height, width]: readonly [number, number]): void {
  if (height * width === states.length && height >= 1 && width >= 1) return;
  throw new InputError(
    `an image of ${height} x ${width} has ${height * width} pixels, but there are ${states.length} columns`,
  );
}

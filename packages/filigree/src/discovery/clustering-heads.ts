import { InputError } from '../errors.js';
import type { Random } from '../tensor/index.js';
import type { AdditionData, ModularAddition } from './modular-addition.js';

const symbols = 3;
const eps = 1e-5;
const root2 = Math.SQRT2;
/** Constants of gelu's tanh form. */
const [g0, g1] = [Math.sqrt(2 / Math.PI), 0.044715];

/**
 * The model with one head and two-dimensional embeddings of Cabannes and others 2024: with e_i = E[x_i] + P[i], n = e / (rms(e) + 1e-5),
 *
 *     a = softmax_i(n_i . q / sqrt 2)     o = sum_i a_i W_V n_i     m = o / (rms(o) + 1e-5)
 *     h = o + W_2 gelu(W_1 m + b_1) + b_2     logits = h E^T
 *
 * with three embeddings, `hidden` features and gelu in its tanh form. Loss and gradient are in f64, written out: at this size a tape costs more than the
 * arithmetic. All parameters lie in one array, so that curvature is easy to ask for.
 */
export class ClusteringHead {
  readonly parameters: Float64Array;
  private readonly places: Readonly<Record<'E' | 'P' | 'q' | 'V' | 'W1' | 'b1' | 'W2' | 'b2', number>>;

  constructor(
    readonly length: number,
    readonly hidden = 32,
  ) {
    const sizes = { E: 2 * symbols, P: 2 * length, q: 2, V: 4, W1: 2 * hidden, b1: hidden, W2: 2 * hidden, b2: 2 };
    let total = 0;
    const places: Record<string, number> = {};
    for (const [name, size] of Object.entries(sizes)) {
      places[name] = total;
      total += size;
    }
    this.places = places as typeof this.places;
    this.parameters = new Float64Array(total);
  }

  /** Embeddings standard normal, the rest uniform within 1 / sqrt(inputs). */
  static random(length: number, random: Random, hidden = 32): ClusteringHead {
    const model = new ClusteringHead(length, hidden);
    const { q, W2 } = model.places;
    const [narrow, wide] = [1 / Math.sqrt(2), 1 / Math.sqrt(hidden)];
    model.parameters.forEach((_, i) => {
      const bound = i < W2 ? narrow : wide;
      model.parameters[i] = i < q ? random.normal() : bound * (2 * random.uniform() - 1);
    });
    return model;
  }

  /**
   * Parity by hand: attention is even, irrelevant positions drown their tokens, so that o lies at one of `relevant` + 1 points of a
   * line, and the MLP is a zigzag through them.
   */
  static designed({ length, relevant }: ModularAddition, hidden = 32): ClusteringHead {
    if (relevant >= length || relevant > hidden)
      throw new InputError('The design needs an irrelevant token, and a feature per relevant one.');
    const model = new ClusteringHead(length, hidden);
    const { E, P, V, W1, b1, W2, b2 } = model.places;
    const p = model.parameters;
    [p[E], p[E + 2]] = [1, -1];
    for (let i = relevant; i < length; i++) p[P + 2 * i + 1] = 1e6;
    [p[V], p[V + 3]] = [1, 1];
    // First coordinate of m for a count of ones, from the most ones up, and what to write there: + for even, - for odd.
    const knots = Array.from({ length: relevant + 1 }, (_, j) => {
      const ones = relevant - j;
      const [x, y] = [relevant - 2 * ones, length - relevant];
      return { t: (root2 * x) / Math.hypot(x, y), f: ones % 2 === 0 ? 10 : -10 };
    });
    const sharp = 1000;
    p[b2] = knots[0].f;
    let slope = 0;
    for (let j = 0; j < relevant; j++) {
      const next = (knots[j + 1].f - knots[j].f) / (knots[j + 1].t - knots[j].t);
      p[W1 + 2 * j] = sharp;
      p[b1 + j] = -sharp * knots[j].t;
      p[W2 + j] = (next - slope) / sharp;
      slope = next;
    }
    return model;
  }

  copy(): ClusteringHead {
    const model = new ClusteringHead(this.length, this.hidden);
    model.parameters.set(this.parameters);
    return model;
  }

  /**
   * Mean cross entropy and accuracy over rows (all unless named). Adds the gradient to `gradient` and writes the head's outputs o,
   * `[rows, 2]`, where arrays are given.
   */
  evaluate(
    data: AdditionData,
    into: { gradient?: Float64Array; outputs?: Float64Array; rows?: ArrayLike<number> } = {},
  ): { loss: number; accuracy: number } {
    const { parameters: p, hidden, length, places } = this;
    const { E, P, q, V, W1, b1, W2, b2 } = places;
    const { gradient: g, outputs } = into;
    const count = into.rows?.length ?? data.labels.length;
    const cells = data.task.modulus * length;
    // Everything up to the values depends on a token and its position alone.
    const [n, divisor, rms] = [new Float64Array(2 * cells), new Float64Array(cells), new Float64Array(cells)];
    const [score, value] = [new Float64Array(cells), new Float64Array(2 * cells)];
    const [dScore, dValue] = [new Float64Array(cells), new Float64Array(2 * cells)];
    for (let c = 0; c < cells; c++) {
      const [v, i] = [Math.floor(c / length), c % length];
      const [x, y] = [p[E + 2 * v] + p[P + 2 * i], p[E + 2 * v + 1] + p[P + 2 * i + 1]];
      rms[c] = Math.sqrt((x * x + y * y) / 2);
      divisor[c] = rms[c] + eps;
      const [nx, ny] = [x / divisor[c], y / divisor[c]];
      [n[2 * c], n[2 * c + 1]] = [nx, ny];
      score[c] = (nx * p[q] + ny * p[q + 1]) / root2;
      value[2 * c] = p[V] * nx + p[V + 1] * ny;
      value[2 * c + 1] = p[V + 2] * nx + p[V + 3] * ny;
    }
    const a = new Float64Array(length);
    const [act, slope] = [new Float64Array(hidden), new Float64Array(hidden)];
    const prob = new Float64Array(symbols);
    let [loss, right] = [0, 0];
    for (let row = 0; row < count; row++) {
      const r = into.rows?.[row] ?? row;
      const base = r * length;
      let [sum, ox, oy] = [0, 0, 0];
      for (let i = 0; i < length; i++) {
        const c = data.tokens[base + i] * length + i;
        a[i] = Math.exp(score[c]);
        sum += a[i];
        ox += a[i] * value[2 * c];
        oy += a[i] * value[2 * c + 1];
      }
      ox /= sum;
      oy /= sum;
      if (outputs) {
        outputs[2 * row] = ox;
        outputs[2 * row + 1] = oy;
      }
      const ro = Math.sqrt((ox * ox + oy * oy) / 2);
      const d = ro + eps;
      const [mx, my] = [ox / d, oy / d];
      let [hx, hy] = [ox + p[b2], oy + p[b2 + 1]];
      for (let j = 0; j < hidden; j++) {
        const u = p[W1 + 2 * j] * mx + p[W1 + 2 * j + 1] * my + p[b1 + j];
        const t = Math.tanh(g0 * (u + g1 * u * u * u));
        act[j] = 0.5 * u * (1 + t);
        slope[j] = 0.5 * (1 + t) + 0.5 * u * (1 - t * t) * g0 * (1 + 3 * g1 * u * u);
        hx += p[W2 + j] * act[j];
        hy += p[W2 + hidden + j] * act[j];
      }
      const label = data.labels[r];
      let [most, best] = [Number.NEGATIVE_INFINITY, 0];
      for (let s = 0; s < symbols; s++) {
        prob[s] = hx * p[E + 2 * s] + hy * p[E + 2 * s + 1];
        if (prob[s] > most) [most, best] = [prob[s], s];
      }
      if (best === label) right++;
      const own = prob[label];
      let total = 0;
      for (let s = 0; s < symbols; s++) {
        prob[s] = Math.exp(prob[s] - most);
        total += prob[s];
      }
      loss += Math.log(total) + most - own;
      if (!g) continue;
      let [dhx, dhy] = [0, 0];
      for (let s = 0; s < symbols; s++) {
        const dl = (prob[s] / total - (s === label ? 1 : 0)) / count;
        dhx += dl * p[E + 2 * s];
        dhy += dl * p[E + 2 * s + 1];
        g[E + 2 * s] += dl * hx;
        g[E + 2 * s + 1] += dl * hy;
      }
      g[b2] += dhx;
      g[b2 + 1] += dhy;
      let [dmx, dmy] = [0, 0];
      for (let j = 0; j < hidden; j++) {
        g[W2 + j] += dhx * act[j];
        g[W2 + hidden + j] += dhy * act[j];
        const du = (dhx * p[W2 + j] + dhy * p[W2 + hidden + j]) * slope[j];
        g[W1 + 2 * j] += du * mx;
        g[W1 + 2 * j + 1] += du * my;
        g[b1 + j] += du;
        dmx += du * p[W1 + 2 * j];
        dmy += du * p[W1 + 2 * j + 1];
      }
      const back = ro > 0 ? (dmx * ox + dmy * oy) / (2 * ro * d * d) : 0;
      const [dox, doy] = [dhx + dmx / d - back * ox, dhy + dmy / d - back * oy];
      const along = dox * ox + doy * oy;
      for (let i = 0; i < length; i++) {
        const c = data.tokens[base + i] * length + i;
        const share = a[i] / sum;
        dScore[c] += share * (dox * value[2 * c] + doy * value[2 * c + 1] - along);
        dValue[2 * c] += share * dox;
        dValue[2 * c + 1] += share * doy;
      }
    }
    if (g) {
      for (let c = 0; c < cells; c++) {
        const [v, i] = [Math.floor(c / length), c % length];
        const [nx, ny, dvx, dvy] = [n[2 * c], n[2 * c + 1], dValue[2 * c], dValue[2 * c + 1]];
        const ds = dScore[c] / root2;
        g[V] += dvx * nx;
        g[V + 1] += dvx * ny;
        g[V + 2] += dvy * nx;
        g[V + 3] += dvy * ny;
        g[q] += ds * nx;
        g[q + 1] += ds * ny;
        const [dnx, dny] = [p[V] * dvx + p[V + 2] * dvy + ds * p[q], p[V + 1] * dvx + p[V + 3] * dvy + ds * p[q + 1]];
        const back = rms[c] > 0 ? (dnx * nx + dny * ny) / (2 * rms[c]) : 0;
        const [dex, dey] = [dnx / divisor[c] - back * nx, dny / divisor[c] - back * ny];
        g[E + 2 * v] += dex;
        g[E + 2 * v + 1] += dey;
        g[P + 2 * i] += dex;
        g[P + 2 * i + 1] += dey;
      }
    }
    return { loss: loss / count, accuracy: right / count };
  }
}

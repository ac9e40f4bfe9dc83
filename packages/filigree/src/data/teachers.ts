import { InputError } from '../errors.js';
import { randomFanIn, type Topology } from '../sparse/index.js';
import { Random } from '../tensor/index.js';
import type { Dataset } from './dataset.js';

export interface SparseTeacher {
  readonly data: Dataset;
  /** Which inputs each hidden neuron of the teacher reads, `[hidden, features]`. */
  readonly support: Topology;
  /** Features that some neuron reads, ascending. */
  readonly relevant: Int32Array;
}

export interface TeacherOptions {
  samples: number;
  features: number;
  /** Hidden neurons of the teacher. */
  hidden: number;
  /** Inputs of each of them. */
  fanIn: number;
  seed?: number;
}

/**
 * Two classes drawn by a sparse network that is known: `relu(W x)` with `fanIn` normal weights in each row of `W`, a normal vector on it, and
 * the class is the sign of the result's distance from its median. Inputs are normal.
 */
export function sparseTeacher({ samples, features, hidden, fanIn, seed = 0 }: TeacherOptions): SparseTeacher {
  if (!(samples > 0 && hidden > 0 && fanIn > 0 && fanIn <= features)) {
    throw new InputError(
      `a teacher of ${hidden} neurons with ${fanIn} of ${features} inputs, ${samples} samples: cannot be`,
    );
  }
  const random = new Random(seed).fork('teacher');
  const support = randomFanIn(hidden, features, fanIn, random);
  const weights = random.normals(support.size);
  const readout = random.normals(hidden);
  const inputs = new Float32Array(samples * features);
  const outputs = new Float64Array(samples);
  for (let s = 0; s < samples; s++) {
    const x = inputs.subarray(s * features, (s + 1) * features);
    for (let j = 0; j < features; j++) x[j] = random.normal();
    for (let i = 0; i < hidden; i++) {
      let sum = 0;
      for (let slot = support.pointers[i]; slot < support.pointers[i + 1]; slot++)
        sum += weights[slot] * x[support.indices[slot]];
      outputs[s] += readout[i] * Math.max(0, sum);
    }
  }
  const median = outputs.slice().sort()[Math.floor(samples / 2)];
  const labels = Int32Array.from(outputs, (y) => Number(y >= median));
  const relevant = Int32Array.from(new Set(support.indices)).sort();
  return { data: { name: 'sparse teacher', samples, features, classes: 2, inputs, labels }, support, relevant };
}

export interface MadelonOptions {
  samples: number;
  seed?: number;
  informative?: number;
  combinations?: number;
  noise?: number;
}

/**
 * After Madelon (Guyon 2003): `informative` features around the corners of a cube with sides of two (deviation .5), `combinations` random linear
 * combinations of them, and `noise` normal ones; all with mean 0 and variance 1, in random order. The class is the parity of the corner.
 * `relevant` are the informative features and their combinations.
 */
export function madelonLike(options: MadelonOptions): { data: Dataset; relevant: Int32Array } {
  const { samples, seed = 0, informative = 5, combinations = 15, noise = 480 } = options;
  if (!(Number.isInteger(samples) && samples > 1)) throw new InputError(`${samples} samples cannot be made`);
  const random = new Random(seed).fork('madelon');
  const features = informative + combinations + noise;
  const mix = random.normals(combinations * informative);
  const place = random.shuffle(Array.from({ length: features }, (_, f) => f));
  const raw = new Float64Array(samples * features);
  const labels = new Int32Array(samples);
  for (let s = 0; s < samples; s++) {
    const own = new Float64Array(informative);
    for (let k = 0; k < informative; k++) {
      const corner = random.integer(2);
      labels[s] ^= corner;
      own[k] = 2 * corner - 1 + 0.5 * random.normal();
    }
    for (let f = 0; f < features; f++) {
      let value = 0;
      if (f < informative) value = own[f];
      else if (f < informative + combinations) {
        for (let k = 0; k < informative; k++) value += mix[(f - informative) * informative + k] * own[k];
      } else value = random.normal();
      raw[s * features + place[f]] = value;
    }
  }
  const relevant = Int32Array.from(place.slice(0, informative + combinations)).sort();
  const inputs = standardised(raw, samples, features);
  return { data: { name: 'madelon-like', samples, features, classes: 2, inputs, labels }, relevant };
}

/** Columns with mean 0 and variance 1; constant ones become 0. */
export function standardised(values: ArrayLike<number>, samples: number, features: number): Float32Array {
  const out = new Float32Array(samples * features);
  for (let f = 0; f < features; f++) {
    let [sum, squares] = [0, 0];
    for (let s = 0; s < samples; s++) sum += values[s * features + f];
    const mean = sum / samples;
    for (let s = 0; s < samples; s++) squares += (values[s * features + f] - mean) ** 2;
    const scale = squares > 0 ? Math.sqrt(samples / squares) : 0;
    for (let s = 0; s < samples; s++) out[s * features + f] = (values[s * features + f] - mean) * scale;
  }
  return out;
}

/** Variance of every feature. */
export function sampleVariances({ inputs, samples, features }: Dataset): Float64Array {
  const [sums, squares] = [new Float64Array(features), new Float64Array(features)];
  for (let k = 0; k < inputs.length; k++) {
    sums[k % features] += inputs[k];
    squares[k % features] += inputs[k] ** 2;
  }
  return sums.map((sum, f) => squares[f] / samples - (sum / samples) ** 2);
}

import { z } from 'zod';
import type { Bytes } from '../bytes.js';
import { InputError } from '../errors.js';
import { type LoadedData, readSafetensors, type Safetensors } from '../tensor/safetensors.js';
import { type WrittenData, writeSafetensors } from '../tensor/safetensors-write.js';
import { parseJson, validate } from '../validate.js';
import { CircuitBuilder, inputKind, type ProbabilisticCircuit, productKind, sumKind } from './circuit.js';
import type { InputUnit } from './inputs.js';

/** Kinds of inputs by the numbers that stand for them in files. */
const kinds = ['categorical', 'indicator', 'binomial', 'gaussian', 'logistic', 'constant'] as const;

const headerSchema = z.object({
  format: z.literal('filigree-pc'),
  version: z.literal(1),
  provenance: z.record(z.string(), z.unknown()).default({}),
  names: z.array(z.string()).optional(),
  categories: z.array(z.array(z.string()).nullable()).optional(),
});

/** What a file of the project's own format holds beside the circuit. */
export interface CircuitNotes {
  /** How the circuit was made: free facts by name. */
  readonly provenance?: Readonly<Record<string, unknown>>;
  /** `[variables]` what the variables are called. */
  readonly names?: readonly string[];
  /** `[variables]` the words that stand for the values of a variable; undefined where its values are numbers. */
  readonly categories?: readonly (readonly string[] | undefined)[];
}

/**
 * Writes a circuit in the project's own format: a safetensors file whose metadata entry `filigree-pc` is a JSON header with format,
 * version, provenance and names of variables, and whose tensors are the circuit's columns: `kind`, `first`, `child`, `log_weight`,
 * `input_of`, `states`, and for the inputs `input_kind`, `input_variable`, `input_first`, `input_values` (categorical: the
 * logarithms; indicator: the value; binomial: trials and probability; gaussian: mean and deviation; logistic: mean and scale;
 * constant: the logarithm). Numbers keep all their digits.
 */
export function writeCircuitFile(circuit: ProbabilisticCircuit, notes: CircuitNotes = {}): Uint8Array<ArrayBuffer> {
  const { inputs } = circuit;
  if (notes.names && notes.names.length !== circuit.variables) {
    throw new InputError(`there are ${notes.names.length} names for ${circuit.variables} variables`);
  }
  const first = new Int32Array(inputs.length + 1);
  const values: number[] = [];
  inputs.forEach((input, i) => {
    for (const value of parameters(input)) values.push(value);
    first[i + 1] = values.length;
  });
  const column = (data: WrittenData) => ({ shape: [data.length], data });
  if (notes.categories && notes.categories.length !== circuit.variables) {
    throw new InputError(`there are categories of ${notes.categories.length} variables for ${circuit.variables}`);
  }
  const categories = notes.categories?.map((words) => words ?? null);
  const header = {
    format: 'filigree-pc',
    version: 1,
    provenance: notes.provenance ?? {},
    names: notes.names,
    categories,
  };
  const { tied } = circuit;
  return writeSafetensors(
    new Map([
      ['log_weight', column(circuit.logWeight)],
      ['input_values', column(Float64Array.from(values))],
      ['first', column(Int32Array.from(circuit.first))],
      ['child', column(Int32Array.from(circuit.child))],
      ['input_of', column(circuit.inputOf)],
      ['states', column(Int32Array.from(circuit.states))],
      ['input_variable', column(Int32Array.from(inputs, (input) => (input.kind === 'constant' ? -1 : input.variable)))],
      ['input_first', column(first)],
      ...(tied
        ? ([
            ['tied_sums', column(tied.sums)],
            ['tied_inputs', column(tied.inputs)],
          ] as const)
        : []),
      ['kind', column(circuit.kind)],
      ['input_kind', column(Uint8Array.from(inputs, (input) => kinds.indexOf(input.kind)))],
    ]),
    { 'filigree-pc': JSON.stringify(header) },
  );
}

function parameters(input: InputUnit): Iterable<number> {
  switch (input.kind) {
    case 'categorical':
      return input.logProbabilities;
    case 'indicator':
      return [input.value];
    case 'binomial':
      return [input.trials, input.probability];
    case 'gaussian':
      return [input.mean, input.deviation];
    case 'logistic':
      return [input.mean, input.scale];
    case 'constant':
      return [input.log];
  }
}

/**
 * Reads the project's own format.
 * @param name what to call the file in messages
 * @throws InputError for what is no such file, a newer version, columns that contradict each other, children that do not stand
 * before their parents, and inputs that make no sense
 */
export async function readCircuitTensors(source: Bytes, name: string): Promise<ProbabilisticCircuit & CircuitNotes> {
  const file = await readSafetensors(source, name);
  const text = file.metadata['filigree-pc'];
  if (text === undefined) throw new InputError(`${name} is no probabilistic circuit: its header has no "filigree-pc"`);
  const { provenance, names, categories } = validate(
    headerSchema,
    parseJson(text, `the header of ${name}`),
    `the header of ${name}`,
  );
  const columns = new Columns(file, name);
  const [logWeight, values] = [
    await columns.load('log_weight', Float64Array),
    await columns.load('input_values', Float64Array),
  ];
  const [first, child, inputOf, states, variable, inputFirst] = [
    await columns.load('first', Int32Array),
    await columns.load('child', Int32Array),
    await columns.load('input_of', Int32Array),
    await columns.load('states', Int32Array),
    await columns.load('input_variable', Int32Array),
    await columns.load('input_first', Int32Array),
  ];
  const [kind, inputKinds] = [await columns.load('kind', Uint8Array), await columns.load('input_kind', Uint8Array)];
  const wrong = (why: string): never => {
    throw new InputError(`${name} is damaged: ${why}`);
  };
  const rising = (starts: Int32Array, count: number, end: number): boolean =>
    starts.length === count + 1 &&
    starts[0] === 0 &&
    starts[count] === end &&
    starts.every((start, i) => i === 0 || start >= starts[i - 1]);
  if (
    !rising(first, kind.length, child.length) ||
    inputOf.length !== kind.length ||
    logWeight.length !== child.length
  ) {
    wrong('its columns of units and edges do not fit each other');
  }
  if (!rising(inputFirst, inputKinds.length, values.length) || variable.length !== inputKinds.length) {
    wrong('its columns of inputs do not fit each other');
  }
  if (categories && categories.length !== states.length) wrong('it has categories of other variables');
  const tied = file.tensors.has('tied_sums')
    ? { sums: await columns.load('tied_sums', Int32Array), inputs: await columns.load('tied_inputs', Int32Array) }
    : undefined;
  if (tied && (tied.sums.length !== kind.length || tied.inputs.length !== inputKinds.length)) {
    wrong('its columns of tied parameters do not fit the others');
  }
  if (names && names.length !== states.length) wrong(`it has ${names.length} names for ${states.length} variables`);
  try {
    const build = new CircuitBuilder(Array.from(states));
    for (let unit = 0; unit < kind.length; unit++) {
      const children = Array.from(child.subarray(first[unit], first[unit + 1]));
      if (kind[unit] === inputKind) {
        const i = inputOf[unit];
        if (i < 0 || i >= inputKinds.length || children.length > 0) wrong(`unit ${unit} is an input without one`);
        build.tie(
          build.input(
            inputFrom(inputKinds[i], variable[i], values.subarray(inputFirst[i], inputFirst[i + 1]), i, wrong),
          ),
          tied?.inputs[i] ?? -1,
        );
      } else if (kind[unit] === productKind) build.product(children);
      else if (kind[unit] === sumKind) {
        const weights = logWeight.subarray(first[unit], first[unit + 1]);
        build.tie(build.logSum(children, weights), tied?.sums[unit] ?? -1);
      } else wrong(`unit ${unit} is of an unknown kind`);
    }
    const words = categories?.map((list) => list ?? undefined);
    return { ...build.finish(), provenance, ...(names && { names }), ...(words && { categories: words }) };
  } catch (error) {
    if (error instanceof InputError && !error.message.startsWith(name)) wrong(error.message);
    throw error;
  }
}

function inputFrom(
  kind: number,
  variable: number,
  values: Float64Array,
  i: number,
  wrong: (why: string) => never,
): InputUnit {
  const name = kinds[kind] ?? wrong(`input ${i} is of an unknown kind`);
  const expected = { categorical: values.length, indicator: 1, binomial: 2, gaussian: 2, logistic: 2, constant: 1 }[
    name
  ];
  if (values.length !== expected || values.length === 0) wrong(`input ${i} has ${values.length} numbers`);
  const [a, b] = values;
  switch (name) {
    case 'categorical':
      return { kind: name, variable, logProbabilities: values.slice() };
    case 'indicator':
      return { kind: name, variable, value: a };
    case 'binomial':
      return { kind: name, variable, trials: a, probability: b };
    case 'gaussian':
      return { kind: name, variable, mean: a, deviation: b };
    case 'logistic':
      return { kind: name, variable, mean: a, scale: b };
    case 'constant':
      if (!(a < Number.POSITIVE_INFINITY)) wrong(`input ${i} is a constant without a logarithm`);
      return { kind: name, log: a };
  }
}

/** Columns of a file, each of the type that it must have. */
class Columns {
  constructor(
    private readonly file: Safetensors,
    private readonly name: string,
  ) {}

  async load<T extends LoadedData>(key: string, type: new (length: number) => T): Promise<T> {
    const { data } = await this.file.load(key);
    if (data instanceof type) return data;
    throw new InputError(`${this.name} is damaged: its column ${key} has numbers of another type`);
  }
}

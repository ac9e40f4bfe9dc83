import { BlockKind, type CircuitProgram, instructionWords, Operation } from '../kernels/index.js';
import { inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';
import type { InputUnit } from './inputs.js';
import { Scopes } from './scopes.js';

/** A circuit as a device's program, and where each parameter of it stands. */
export interface Layers {
  readonly program: CircuitProgram;
  /** `[edges]` index of the edge's weight among the program's parameters; -1 on the edges of products. */
  readonly weightAt: Int32Array;
  /** `[inputs]` index of the input's first table entry; values follow, then their sum. Of a gaussian, of its four parameters. */
  readonly tableAt: Int32Array;
  /** `[variables]` each variable's row of cells; a real one has two. */
  readonly cellAt: Int32Array;
  /** What share of the multiply-adds of sums is spent on edges that there are. */
  readonly filled: number;
}

/** Most children that are multiplied before values are scaled back: with four factors above 1e-7 nothing leaves the floats. */
const FACTORS = 4;
/** A sum by itself costs about this much more per edge than one of four that share their children. */
const ALONE = 2;
/** Bytes of values and slopes of one tile that stay in the second-level cache. */
const CACHE = 256 * 1024;

/**
 * Lays a circuit out in layers: units by the set of variables that they look at, smaller sets first; of each set inputs, products and
 * sums of rising height. Sums with the same children go together in fours (dense blocks, and blocks left by pruning), others by
 * themselves. Undefined where the circuit is not smooth and decomposable, or has constants.
 */
export function layCircuit(circuit: ProbabilisticCircuit): Layers | undefined {
  if (circuit.inputs.some((unit) => unit.kind === 'constant')) return undefined;
  return new Layout(circuit).lay();
}

/** Parameters of a gaussian on the device: the mean in two parts, and the two of the exponent. */
export const gaussianWidth = 4;

/** Whether the shares of an input's counts are its new parameters; others are estimated by the host. */
export const isShares = ({ kind }: InputUnit): boolean => kind === 'categorical' || kind === 'indicator';

class Layout {
  private readonly scopes: Scopes;
  /** `[units]` a product of one child is its child. */
  private readonly standsFor: Int32Array;
  private readonly slot: Int32Array;
  private readonly instructions: number[] = [];
  private readonly lists: number[] = [];
  private readonly blocks: number[] = [];
  private readonly weightAt: Int32Array;
  private readonly tableAt: Int32Array;
  private readonly cellAt: Int32Array;
  /** By scope; scope numbers without one have scale 0. */
  private readonly scale = new Map<number, number>();
  private slots = 0;
  private scales = 1;
  private parameters = 0;
  private spent = 0;
  private edges = 0;
  private tile = 16;

  constructor(private readonly circuit: ProbabilisticCircuit) {
    this.scopes = new Scopes(circuit);
    const units = unitCount(circuit);
    this.slot = new Int32Array(units).fill(-1);
    this.weightAt = new Int32Array(circuit.child.length).fill(-1);
    this.tableAt = new Int32Array(circuit.inputs.length).fill(-1);
    this.cellAt = new Int32Array(circuit.variables + 1);
    circuit.states.forEach((states, v) => {
      this.cellAt[v + 1] = this.cellAt[v] + (states === 0 ? 2 : 1);
    });
    this.standsFor = Int32Array.from({ length: units }, (_, unit) => unit);
    const { kind, first, child } = circuit;
    for (let unit = 0; unit < units; unit++) {
      if (kind[unit] === productKind && first[unit + 1] - first[unit] === 1) {
        this.standsFor[unit] = this.standsFor[child[first[unit]]];
      }
    }
  }

  lay(): Layers | undefined {
    const { circuit, scopes } = this;
    const { kind } = circuit;
    const units = unitCount(circuit);
    if (!this.isSmoothAndDecomposable()) return undefined;
    this.tile = tileFor(units);
    const byScope = new Map<number, number[]>();
    for (let unit = 0; unit < units; unit++) {
      if (this.standsFor[unit] !== unit) continue;
      const scope = scopes.of[unit];
      const list = byScope.get(scope);
      if (list) list.push(unit);
      else byScope.set(scope, [unit]);
    }
    const order = [...byScope.keys()].sort((a, b) => scopes.size(a) - scopes.size(b) || a - b);
    for (const scope of order) {
      const members = byScope.get(scope)!;
      this.layInputs(
        scope,
        members.filter((unit) => kind[unit] === inputKind),
      );
      this.layProducts(
        scope,
        members.filter((unit) => kind[unit] === productKind),
      );
      this.laySums(members.filter((unit) => kind[unit] !== inputKind && kind[unit] !== productKind));
    }
    const root = this.standsFor[units - 1];
    return {
      program: {
        tile: this.tile,
        slots: this.slots,
        scales: this.scales,
        cellRows: this.cellAt[circuit.variables],
        instructions: Int32Array.from(this.instructions),
        lists: Int32Array.from(this.lists),
        parameters: this.parameters,
        root: { slot: this.slot[root], scale: this.scale.get(scopes.of[root]) ?? 0 },
        blocks: Int32Array.from(this.blocks),
      },
      weightAt: this.weightAt,
      tableAt: this.tableAt,
      cellAt: this.cellAt.subarray(0, circuit.variables),
      filled: this.spent === 0 ? 1 : this.edges / this.spent,
    };
  }

  private isSmoothAndDecomposable(): boolean {
    const { circuit, scopes } = this;
    const { kind, first, child } = circuit;
    for (let unit = 0; unit < unitCount(circuit); unit++) {
      let seen = 0;
      for (let e = first[unit]; e < first[unit + 1]; e++) {
        const scope = scopes.of[child[e]];
        if (kind[unit] === productKind) {
          if (scopes.meet(seen, scope)) return false;
          seen = scopes.union(seen, scope);
        } else if (scope !== scopes.of[unit]) return false;
      }
    }
    return true;
  }

  private emit(...words: number[]): void {
    for (let k = 0; k < instructionWords; k++) this.instructions.push(words[k] ?? 0);
  }

  /** Bytes of a slot or scale from the first. */
  private readonly bytes = (index: number): number => 4 * this.tile * index;

  private layInputs(scope: number, units: readonly number[]): void {
    if (units.length === 0) return;
    const { circuit } = this;
    const inputs = units.map((unit) => circuit.inputs[circuit.inputOf[unit]]);
    const variable = inputs[0].kind === 'constant' ? 0 : inputs[0].variable;
    const real = circuit.states[variable] === 0;
    const width = real ? gaussianWidth : circuit.states[variable] + 1;
    // Units with parameters of their own, each to be learned; an indicator has one too, and no flow at other values.
    const start = this.parameters;
    const slot = this.slots;
    units.forEach((unit, k) => {
      this.slot[unit] = this.slots++;
      this.tableAt[circuit.inputOf[unit]] = this.parameters;
      if (isShares(inputs[k])) {
        const before = k > 0 && isShares(inputs[k - 1]);
        if (before) this.blocks[this.blocks.length - 2]++;
        else this.blocks.push(BlockKind.table, this.parameters, 1, width);
      }
      this.parameters += width;
    });
    this.parameters = 4 * Math.ceil(this.parameters / 4);
    const cells = this.cellAt[variable];
    if (real) {
      const scale = this.scales++;
      this.scale.set(scope, scale);
      this.emit(Operation.gaussians, units.length, this.bytes(slot), start, this.bytes(scale), cells);
    } else this.emit(Operation.inputs, units.length, this.bytes(slot), start, width, cells);
  }

  private layProducts(scope: number, units: readonly number[]): void {
    if (units.length === 0) return;
    const { circuit, scopes } = this;
    const { first, child } = circuit;
    const parts = new Map<string, { unit: number; children: number[] }[]>();
    for (const unit of units) {
      const children = Array.from(child.subarray(first[unit], first[unit + 1]), (c) => this.standsFor[c]);
      children.sort((a, b) => scopes.of[a] - scopes.of[b]);
      const key = children.map((c) => scopes.of[c]).join();
      const part = parts.get(key);
      if (part) part.push({ unit, children });
      else parts.set(key, [{ unit, children }]);
    }
    const merged: number[] = [];
    for (const part of parts.values()) {
      const scale = this.scales++;
      const slot = this.slots;
      for (const { unit } of part) this.slot[unit] = this.slots++;
      const scaled = part[0].children.map((c) => this.scale.get(scopes.of[c]) ?? 0).filter((s) => s > 0);
      const list = this.lists.length;
      this.lists.push(...scaled.map(this.bytes));
      for (const { children } of part) for (const c of children) this.lists.push(this.bytes(this.slot[c]));
      const fan = part[0].children.length;
      const target = this.bytes(slot);
      this.emit(
        Operation.product,
        part.length,
        target,
        list,
        this.bytes(scale),
        scaled.length,
        fan,
        Math.min(fan, FACTORS),
      );
      for (let start = FACTORS; start < fan; start += FACTORS - 1) {
        const now = Math.min(FACTORS - 1, fan - start);
        this.emit(Operation.multiply, part.length, target, list + scaled.length, this.bytes(scale), fan, start, now);
      }
      this.scale.set(scope, scale);
      merged.push(part.length, target, this.bytes(scale));
    }
    if (parts.size === 1) return;
    const scale = this.scales++;
    this.scale.set(scope, scale);
    this.emit(Operation.merge, parts.size, this.lists.length, this.bytes(scale));
    this.lists.push(...merged);
  }

  private laySums(units: readonly number[]): void {
    const { first, child } = this.circuit;
    // Sums may stand on sums of the same variables: lower ones first.
    const height = new Map<number, number>();
    const levels: number[][] = [];
    for (const unit of units) {
      let h = 0;
      for (let e = first[unit]; e < first[unit + 1]; e++)
        h = Math.max(h, 1 + (height.get(this.standsFor[child[e]]) ?? -1));
      height.set(unit, h);
      levels[h] ??= [];
      levels[h].push(unit);
    }
    for (const level of levels) this.layLevel(level);
  }

  private layLevel(units: readonly number[]): void {
    const { first, child } = this.circuit;
    const same = new Map<string, number[]>();
    for (const unit of units) {
      const key = child.subarray(first[unit], first[unit + 1]).join();
      const list = same.get(key);
      if (list) list.push(unit);
      else same.set(key, [unit]);
    }
    const panels: number[][] = [];
    const alone: number[] = [];
    for (const group of same.values()) {
      for (let at = 0; at < group.length; at += 4) {
        const four = group.slice(at, at + 4);
        if (four.length * ALONE >= 4) panels.push(four);
        else alone.push(...four);
      }
    }
    if (panels.length > 0)
      this.layList(
        Operation.panels,
        panels.map((four) => this.panelEntry(four)),
      );
    if (alone.length > 0)
      this.layList(
        Operation.elements,
        alone.map((unit) => this.elementEntry(unit)),
      );
  }

  private layList(operation: number, entries: readonly number[][]): void {
    this.emit(operation, entries.length, this.lists.length);
    for (const entry of entries) this.lists.push(...entry);
  }

  private panelEntry(units: readonly number[]): number[] {
    const { first, child } = this.circuit;
    const children = child.subarray(first[units[0]], first[units[0] + 1]);
    const list = this.lists.length;
    const entries = 2 * Math.ceil(children.length / 2);
    this.pushChildren(children, entries);
    const parameter = this.parameters;
    this.parameters += 4 * entries;
    const slot = this.slots;
    this.slots += 4;
    units.forEach((unit, lane) => {
      this.slot[unit] = slot + lane;
      for (let k = 0; k < children.length; k++) this.weightAt[first[unit] + k] = parameter + 4 * k + lane;
    });
    this.spent += 4 * entries;
    this.edges += units.length * children.length;
    this.blocks.push(BlockKind.panel, parameter, entries, 0);
    return [entries, list, parameter, this.bytes(slot)];
  }

  private elementEntry(unit: number): number[] {
    const { first, child } = this.circuit;
    const children = child.subarray(first[unit], first[unit + 1]);
    const list = this.lists.length;
    const entries = 4 * Math.ceil(children.length / 4);
    this.pushChildren(children, entries);
    const parameter = this.parameters;
    this.parameters += entries;
    this.slot[unit] = this.slots++;
    for (let k = 0; k < children.length; k++) this.weightAt[first[unit] + k] = parameter + k;
    this.spent += ALONE * entries;
    this.edges += children.length;
    this.blocks.push(BlockKind.element, parameter, entries, 0);
    return [entries, list, parameter, this.bytes(this.slot[unit])];
  }

  /** The children's slots; entries beyond them have weight 0 and repeat the first. */
  private pushChildren(children: ArrayLike<number>, entries: number): void {
    for (let k = 0; k < entries; k++) {
      this.lists.push(this.bytes(this.slot[this.standsFor[children[k < children.length ? k : 0]]]));
    }
  }
}

/** More rows read the weights less often, as long as the values of a tile stay in the cache. */
function tileFor(units: number): number {
  for (const tile of [64, 32]) if (8 * units * tile <= CACHE) return tile;
  return 16;
}

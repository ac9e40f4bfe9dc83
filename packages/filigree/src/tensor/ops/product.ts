import { sizeOf } from '../../kernels/views.js';
import { record } from '../tape.js';
import { Tensor } from '../tensor.js';
import { reshape } from './views.js';

interface Plan {
  readonly a: string;
  readonly b: string;
  readonly out: string;
  /** Labels in both operands and the result, only in a, only in b, and those summed over. */
  readonly batch: string[];
  readonly rows: string[];
  readonly columns: string[];
  readonly summed: string[];
}

const plans = new Map<string, Plan>();

function plan(spec: string): Plan {
  const known = plans.get(spec);
  if (known) return known;
  const match = /^([a-z]*),([a-z]*)->([a-z]*)$/i.exec(spec);
  if (!match) throw new RangeError(`einsum: '${spec}' is not of the form 'ab,bc->ac'`);
  const [, a, b, out] = match;
  const made: Plan = {
    a,
    b,
    out,
    batch: [...out].filter((l) => a.includes(l) && b.includes(l)),
    rows: [...out].filter((l) => a.includes(l) && !b.includes(l)),
    columns: [...out].filter((l) => b.includes(l) && !a.includes(l)),
    summed: [...a].filter((l) => b.includes(l) && !out.includes(l)),
  };
  const lost = [...a, ...b].find((l) => !out.includes(l) && !made.summed.includes(l));
  if (lost) throw new RangeError(`einsum: label '${lost}' of '${spec}' stands in one operand only: sum it first`);
  if ([...out].some((l) => !a.includes(l) && !b.includes(l))) throw new RangeError(`einsum: bad result in '${spec}'`);
  plans.set(spec, made);
  return made;
}

/**
 * The largest run of trailing `labels` that every one of the stride tables walks evenly: it can be one dimension of a
 * product. The rest have to be batch dimensions.
 */
function mergeable(
  labels: readonly string[],
  sizes: Map<string, number>,
  tables: readonly Map<string, number>[],
): number {
  let start = labels.length;
  let size = 1;
  const base = tables.map(() => 0);
  for (let i = labels.length - 1; i >= 0; i--) {
    const n = sizes.get(labels[i]) ?? 1;
    const fits = tables.every((t, j) => size === 1 || n === 1 || t.get(labels[i]) === base[j] * size);
    if (!fits) break;
    if (size === 1) {
      tables.forEach((t, j) => {
        base[j] = t.get(labels[i]) ?? 0;
      });
    }
    size *= n;
    start = i;
  }
  return start;
}

/** The stride with which merged labels are walked: that of the last one longer than one element. */
function strideOf(labels: readonly string[], sizes: Map<string, number>, table: Map<string, number>): number {
  for (let i = labels.length - 1; i >= 0; i--) if (sizes.get(labels[i]) !== 1) return table.get(labels[i]) ?? 0;
  return 0;
}

/**
 * A product of two tensors in index notation, e.g. `einsum('bthd,bshd->bhts', q, k)`: labels in both operands and the result
 * are batch dimensions, labels in both but not in the result are summed. Operands may be strided; heads and transposes
 * cost no copy. `alpha` scales the result. Throws RangeError when sizes disagree.
 */
export function einsum(spec: string, a: Tensor, b: Tensor, alpha = 1): Tensor {
  const p = plan(spec);
  const out = multiply(p, spec, a, b, alpha);
  return record('einsum', out, [a, b], (g) => [
    a.tracked ? einsum(`${p.out},${p.b}->${p.a}`, g, b, alpha) : null,
    b.tracked ? einsum(`${p.out},${p.a}->${p.b}`, g, a, alpha) : null,
  ]);
}

function multiply(p: Plan, spec: string, a: Tensor, b: Tensor, alpha: number): Tensor {
  const sizes = new Map<string, number>();
  const strides = (labels: string, t: Tensor): Map<string, number> => {
    if (labels.length !== t.shape.length) throw new RangeError(`einsum: '${labels}' of '${spec}' against [${t.shape}]`);
    const table = new Map<string, number>();
    [...labels].forEach((l, d) => {
      if ((sizes.get(l) ?? t.shape[d]) !== t.shape[d]) {
        throw new RangeError(`einsum: '${spec}' gives '${l}' two sizes: [${a.shape}] and [${b.shape}]`);
      }
      sizes.set(l, t.shape[d]);
      table.set(l, (table.get(l) ?? 0) + t.strides[d]);
    });
    return table;
  };
  const A = strides(p.a, a);
  const B = strides(p.b, b);
  const broken = [A, B].map((table) => mergeable(p.summed, sizes, [table]) > 0);
  if (broken.includes(true)) {
    // Summed labels that cannot be walked as one: such an operand is packed with them last.
    const relabel = (labels: string): string =>
      [...labels]
        .filter((l) => !p.summed.includes(l))
        .concat(p.summed)
        .join('');
    const pack = (t: Tensor, table: Map<string, number>, labels: string): Tensor =>
      t
        .window(
          [...labels].map((l) => sizes.get(l) ?? 1),
          [...labels].map((l) => table.get(l) ?? 0),
          t.offset,
        )
        .packed();
    const x = broken[0] ? { labels: relabel(p.a), t: pack(a, A, relabel(p.a)) } : { labels: p.a, t: a };
    const y = broken[1] ? { labels: relabel(p.b), t: pack(b, B, relabel(p.b)) } : { labels: p.b, t: b };
    const result = multiply({ ...p, a: x.labels, b: y.labels }, spec, x.t, y.t, alpha);
    if (broken[0]) x.t.dispose();
    if (broken[1]) y.t.dispose();
    return result;
  }
  const shape = [...p.out].map((l) => sizes.get(l) ?? 1);
  const out = Tensor.allocate(shape, undefined, a.device);
  const C = new Map([...p.out].map((l, d) => [l, out.strides[d]]));
  const m = mergeable(p.rows, sizes, [A, C]);
  const n = mergeable(p.columns, sizes, [B, C]);
  const batch = [...p.batch, ...p.rows.slice(0, m), ...p.columns.slice(0, n)];
  const rows = p.rows.slice(m);
  const columns = p.columns.slice(n);
  const count = (labels: readonly string[]): number => sizeOf(labels.map((l) => sizes.get(l) ?? 1));
  const view = (t: Tensor, table: Map<string, number>, left: readonly string[], right: readonly string[]) => ({
    ...t.view('einsum'),
    shape: [...batch.map((l) => sizes.get(l) ?? 1), count(left), count(right)],
    strides: [...batch.map((l) => table.get(l) ?? 0), strideOf(left, sizes, table), strideOf(right, sizes, table)],
  });
  a.device.product({
    a: view(a, A, rows, p.summed),
    b: view(b, B, p.summed, columns),
    out: view(out, C, rows, columns),
    alpha,
    accumulate: false,
  });
  return out;
}

const letters = 'abcdefghijklmnopqrstuvwxyz';

/**
 * Batched matrix product `[..., M, K] x [..., K, N] -> [..., M, N]`; leading dimensions broadcast. `transposeA`, `transposeB`
 * read an operand's last two dimensions the other way round, without a copy.
 */
export function matmul(a: Tensor, b: Tensor, options: { transposeA?: boolean; transposeB?: boolean } = {}): Tensor {
  if (a.shape.length < 2 || b.shape.length < 2) throw new RangeError('matmul: operands need two dimensions or more');
  const rank = Math.max(a.shape.length, b.shape.length) - 2;
  const lead = letters.slice(0, rank);
  const trim = (t: Tensor): { labels: string; tensor: Tensor } => {
    const own = t.shape.length - 2;
    const keep = [...lead.slice(rank - own)].filter((_, d) => t.shape[d] !== 1).join('');
    const shape = t.shape.filter((s, d) => d >= own || s !== 1);
    return { labels: keep, tensor: shape.length === t.shape.length ? t : reshape(t, shape) };
  };
  const [x, y] = [trim(a), trim(b)];
  const batch = [...lead].filter((l) => x.labels.includes(l) || y.labels.includes(l)).join('');
  const left = options.transposeA ? 'yx' : 'xy';
  const right = options.transposeB ? 'zy' : 'yz';
  const out = einsum(`${x.labels}${left},${y.labels}${right}->${batch}xz`, x.tensor, y.tensor);
  if (batch.length === rank) return out;
  const full = [...lead].map((l) => (batch.includes(l) ? out.shape[batch.indexOf(l)] : 1));
  return reshape(out, [...full, ...out.shape.slice(-2)]);
}

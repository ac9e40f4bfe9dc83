/** Things that are freed when a scope ends. */
export interface Disposable {
  dispose(): void;
}

let current: Scope | undefined;

/**
 * Owns the tensors made while it runs. Long-lived state lives in an explicit scope: `const state = new Scope()`,
 * `state.run(() => …)` as often as wished, `state.dispose()` at the end.
 */
export class Scope {
  private readonly members = new Set<Disposable>();

  /** Runs `fn`, which must be synchronous, with this scope collecting what it makes. */
  run<T>(fn: () => T): T {
    const outer = current;
    current = this;
    try {
      return fn();
    } finally {
      current = outer;
    }
  }

  add(member: Disposable): void {
    this.members.add(member);
  }

  /** Whether `member` is owned here. */
  has(member: Disposable): boolean {
    return this.members.has(member);
  }

  /** Lets go of `member` without freeing it. */
  release(member: Disposable): void {
    this.members.delete(member);
  }

  get size(): number {
    return this.members.size;
  }

  dispose(): void {
    for (const member of this.members) member.dispose();
    this.members.clear();
  }
}

/** The innermost running scope. */
export function currentScope(): Scope | undefined {
  return current;
}

/** Runs `fn` outside of every scope: what it makes lives until it is disposed of by hand. */
export function unscoped<T>(fn: () => T): T {
  const before = current;
  current = undefined;
  try {
    return fn();
  } finally {
    current = before;
  }
}

/**
 * Frees what `fn` made and did not return. The result may be a tensor, or arrays, maps and plain objects that hold tensors;
 * those pass to the scope outside. `fn` must be synchronous: throws TypeError when it returns a promise.
 */
export function scope<T>(fn: () => T): T {
  const outer = current;
  const inner = new Scope();
  let result: T | undefined;
  try {
    result = inner.run(fn);
    if (result instanceof Promise) throw new TypeError('scope: the function must be synchronous');
    return result;
  } finally {
    for (const kept of held(result)) {
      if (!inner.has(kept)) continue;
      inner.release(kept);
      outer?.add(kept);
    }
    inner.dispose();
  }
}

/** The disposable things inside arrays, maps and plain objects. */
function* held(value: unknown): Generator<Disposable> {
  if (value === null || typeof value !== 'object') return;
  if (typeof (value as Disposable).dispose === 'function') {
    yield value as Disposable;
  } else if (Array.isArray(value) || value instanceof Set) {
    for (const item of value) yield* held(item);
  } else if (value instanceof Map) {
    for (const item of value.values()) yield* held(item);
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) yield* held(item);
  }
}

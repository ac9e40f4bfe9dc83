/**
 * The best time of one call of `work`, in seconds. First runs it until the optimised tier does: until three timings in a row
 * are within 5 % of one another, for 200 ms at least and 2 s at most; then takes the best of `ms` milliseconds.
 */
export async function bestTime(work, ms = 400) {
  const once = async () => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  // Calls too short for the clock are timed in bundles.
  let bundle = 1;
  const bundled = async () => {
    const start = performance.now();
    for (let i = 0; i < bundle; i++) {
      const wait = work();
      if (wait) await wait;
    }
    return (performance.now() - start) / bundle;
  };
  const warm = performance.now();
  bundle = Math.max(1, Math.min(10000, Math.ceil(1 / (await once()))));
  const last = [];
  while (performance.now() - warm < 2000) {
    last.push(await bundled());
    if (performance.now() - warm < 200 || last.length < 3) continue;
    const three = last.slice(-3);
    if (Math.max(...three) < 1.05 * Math.min(...three)) break;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  bundle = Math.max(1, Math.min(100000, Math.ceil(1 / Math.min(...last))));
  let best = Number.POSITIVE_INFINITY;
  const start = performance.now();
  while (performance.now() - start < ms) best = Math.min(best, await bundled());
  return best / 1000;
}

/** The best of several rounds over all entries of `works`, so that a busy moment of the machine does not fall on one only. */
export async function bestTimes(works, rounds = 3) {
  const best = Object.fromEntries(Object.keys(works).map((name) => [name, Number.POSITIVE_INFINITY]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of Object.entries(works)) best[name] = Math.min(best[name], await bestTime(work));
  }
  return best;
}

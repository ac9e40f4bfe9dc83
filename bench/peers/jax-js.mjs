/** jax-js: kernels in WebAssembly generated at run time. Gives `product(a, b, n)`, a function that multiplies once. */
export async function load() {
  // Node 20 has no navigator, which jax-js looks at as it is imported.
  globalThis.navigator ??= {};
  const { init, defaultDevice, numpy: np } = await import('@jax-js/jax');
  await init('wasm');
  defaultDevice('wasm');
  return {
    product(a, b, n) {
      const [x, y] = [a, b].map((data) => np.array(data, { shape: [n, n] }));
      return async () => {
        const product = np.matmul(x.ref, y.ref);
        await product.blockUntilReady();
        product.dispose();
      };
    },
  };
}

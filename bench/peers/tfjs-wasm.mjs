/** tfjs-wasm: XNNPACK's dense kernels in WebAssembly, one thread. Gives `product(a, b, n)`, a function that multiplies once. */
export async function load() {
  const tf = await import('@tensorflow/tfjs-core');
  const { setThreadsCount } = await import('@tensorflow/tfjs-backend-wasm');
  setThreadsCount(1);
  await tf.setBackend('wasm');
  await tf.ready();
  return {
    product(a, b, n) {
      const [x, y] = [a, b].map((data) => tf.tensor2d(data, [n, n]));
      return () => tf.matMul(x, y).dispose();
    },
  };
}

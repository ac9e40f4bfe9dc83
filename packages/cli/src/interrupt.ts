/**
 * A signal that fires at the first Ctrl-C (or a polite request to end); the second ends the process at once. `stop` gives Ctrl-C
 * its usual meaning back.
 */
export function onInterrupt(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const handle = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(name === 'SIGTERM' ? 143 : 130);
    process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}stopping (once more to end at once)\n`);
    controller.abort();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  const stop = (): void => {
    process.off('SIGINT', handle);
    process.off('SIGTERM', handle);
  };
  return { signal: controller.signal, stop };
}

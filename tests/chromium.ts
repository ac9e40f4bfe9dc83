import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const program = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
export const hasChromium = existsSync(program);
/** Why browser tests are skipped where they are. */
export const noChromium = `no Chromium at ${program} (set CHROMIUM to its path)`;

/** A browser that asks nothing of the network by itself. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

import type { Theme } from '@filigree/view';
import { type Command, Option } from 'commander';
import { writeFileAtomic } from 'filigree/node';
import { choice } from './options.js';
import { checkOutputs } from './outputs.js';
import type { Session } from './session.js';

/** Where a command's picture goes. */
export interface PictureOptions {
  svg?: string;
  png?: string;
  theme: Theme;
}

export function addPictureOptions(command: Command): Command {
  return command
    .option('--svg <file>', 'write the picture as SVG, which follows the light or dark of its reader')
    .option('--png <file>', 'write the picture as PNG')
    .addOption(themeOption('colours of the PNG: light or dark').default('light'));
}

export function themeOption(description: string): Option {
  return new Option('--theme <name>', description).argParser(choice('--theme', ['light', 'dark']));
}

/** Checks before the long work begins that the pictures can be written. Throws InputError as `checkOutputs`. */
export const checkPictures = ({ svg, png }: PictureOptions): Promise<void> =>
  checkOutputs({ '--svg': svg, '--png': png });

/** Writes the pictures that were asked for, each whole or not at all, and tells where. `draw` is called when one is. */
export async function writePictures(options: PictureOptions, session: Session, draw: () => string): Promise<void> {
  const { svg, png, theme } = options;
  if (svg === undefined && png === undefined) return;
  const drawing = draw();
  session.signal.throwIfAborted();
  if (svg !== undefined) await writeFileAtomic(svg, drawing);
  if (png !== undefined) {
    // The renderer is a library of several megabytes, which only this needs.
    const { svgToPng } = await import('./png.js');
    await writeFileAtomic(png, svgToPng(drawing, { theme }));
  }
  for (const path of [svg, png]) if (path !== undefined) session.say(`wrote the picture to ${path}`);
}

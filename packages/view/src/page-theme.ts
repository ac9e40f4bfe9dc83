import { colorNames, paletteColor } from './colors.js';

const ends = ['negative', 'neutral', 'positive'] as const;
const pair = (light: string, dark: string): string => `light-dark(${light},${dark})`;

/**
 * Colours and typeface of a page, light and dark as the system says, or as an attribute `data-theme` of the root does. The report and
 * the explorer share them.
 */
export const pageTheme = `:root{color-scheme:light dark;${ends
  .map((end) => `${colorNames[end]}:${pair(paletteColor(end, 'light'), paletteColor(end, 'dark'))};`)
  .join(
    '',
  )}--page:${pair('#fafaf8', '#0f1215')};--paper:${pair('#fff', '#161a1e')};--ink:${pair('#1a1e23', '#e7eaed')};--muted:${pair('#5c646e', '#98a1ab')};--line:${pair('#dcdfe3', '#2c333a')};--soft:${pair('#f0f1f2', '#1f252b')};--mark:${pair('#e3edf7', '#1b3048')}}
:root[data-theme=light]{color-scheme:light}
:root[data-theme=dark]{color-scheme:dark}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}`;

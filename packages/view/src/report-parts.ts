import { curveSvg } from './curve-svg.js';
import { count, decimal, safe } from './markup.js';
import type { ReportData, ReportExample, ReportInput } from './report-data.js';

const shownExamples = 6;
const columnNames = { edge: 'Edges', node: 'Nodes', neuron: 'Neurons' };

/** The curve, drawn for wide and for narrow pages, beside its table. */
export function curveSection({ curve }: ReportInput, data: ReportData): string {
  if (!curve.sizes.length) return '';
  const draw = (width: number, height: number) =>
    curveSvg(curve, { width, height, marker: data.keptCount, unit: data.units.name, styled: false });
  return `<section aria-labelledby="curve-title">
<h2 id="curve-title">How faithful at which size</h2>
<p class="note">1 is the whole model, 0 is the model with every ${data.units.name} cut. Grey: random circuits of equal size. Shaded: bootstrap intervals. The upright line marks the size shown above.</p>
<div class="pair">
<div class="panel plot"><div class="wide">${draw(620, 380)}</div><div class="narrow">${draw(330, 270)}</div></div>
<div class="panel scroll">${curveTable(curve, data)}</div>
</div>
</section>`;
}

function curveTable(curve: ReportInput['curve'], { keptCount, units }: ReportData): string {
  const { low, high, random } = curve;
  const cell = (text: string) => `<td class="number">${text}</td>`;
  const heads = [
    columnNames[units.name],
    'Faithfulness',
    ...(low && high ? ['Interval'] : []),
    ...(random ? ['Random'] : []),
  ];
  const rows = curve.sizes.map((size, i) => {
    const cells = [cell(count(size)), cell(decimal(curve.faithfulness[i]))];
    if (low && high) cells.push(cell(`${decimal(low[i])} to ${decimal(high[i])}`));
    if (random) cells.push(cell(decimal(random[i])));
    return `<tr data-size="${size}"${size === keptCount ? ' class="present"' : ''}>${cells.join('')}</tr>`;
  });
  return `<table><thead><tr>${heads.map((head) => `<th class="number" scope="col">${head}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

/** Pictures under headings of their own, other ones for narrow pages where there are such. */
export function figureSections({ figures = [] }: ReportInput): string {
  return figures
    .map(({ heading, note, wide, narrow }, i) => {
      const drawings = (which: string, all: readonly string[]) =>
        `<div class="drawings ${which}">${all.map((svg) => `<div class="drawing">${svg}</div>`).join('')}</div>`;
      const both = narrow ? drawings('wide', wide) + drawings('narrow', narrow) : drawings('', wide);
      return `<section aria-labelledby="figure-${i}">
<h2 id="figure-${i}">${safe(heading)}</h2>
<p class="note">${safe(note)}</p>
<div class="panel">${both}</div>
</section>`;
    })
    .join('\n');
}

/** Example pairs, the words that differ marked, and which answer the model prefers. */
export function examplesSection({ examples, metric = 'logit difference' }: ReportInput): string {
  if (!examples.length) return '';
  const cards = examples.map(exampleCard);
  const more = cards.slice(shownExamples);
  const rest = more.length ? `<details><summary>${count(more.length)} more</summary>${more.join('')}</details>` : '';
  return `<section aria-labelledby="examples-title">
<h2 id="examples-title">Examples</h2>
<p class="note">The answer the whole model prefers, and by how much (${safe(metric)}). Marked words are those that differ.</p>
<div class="panel">${cards.slice(0, shownExamples).join('')}${rest}</div>
</section>`;
}

function exampleCard(example: ReportExample): string {
  const [clean, corrupt] = markDifferences(example.clean, example.corrupt);
  const row = (which: string, prompt: string, difference: number, wanted: boolean) => {
    const prefers = difference >= 0 ? example.answer : example.wrong;
    const miss = wanted ? '' : ' miss';
    return `<div class="row"><span class="which">${which}</span><q>${prompt}</q><span class="prefers${miss}"><strong>${safe(prefers.trim())}</strong> by ${decimal(Math.abs(difference))}</span></div>`;
  };
  return `<div class="example">${row('clean', clean, example.cleanDifference, example.cleanDifference > 0)}${row('corrupted', corrupt, example.corruptDifference, true)}</div>`;
}

/** Marks the words in which two prompts differ: place by place where both have as many, else between what they share. */
function markDifferences(a: string, b: string): [string, string] {
  const [left, right] = [a.split(/(\s+)/), b.split(/(\s+)/)];
  const same = left.length === right.length;
  let start = 0;
  while (start < Math.min(left.length, right.length) && left[start] === right[start]) start++;
  let end = 0;
  while (end < Math.min(left.length, right.length) - start && left.at(-1 - end) === right.at(-1 - end)) end++;
  const write = (words: string[], others: string[]) =>
    words
      .map((word, i) => {
        const differs = same ? word !== others[i] : i >= start && i < words.length - end;
        return differs && word.trim() ? `<mark>${safe(word)}</mark>` : safe(word);
      })
      .join('');
  return [write(left, right), write(right, left)];
}

/** Where the circuit came from, and how to make it again. */
export function madeSection({ circuit, command }: ReportInput): string {
  const { model, modelHash, task, method, options, seed, made } = circuit.provenance;
  const settings = Object.entries(options).map(
    ([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const entries: [string, string][] = [
    ['Model', safe(model)],
    ['SHA-256', `<code>${safe(modelHash)}</code>`],
    ['Task', safe(task)],
    ['Method', safe(method)],
    ['Options', safe(settings.join(', ')) || 'defaults'],
    ['Seed', String(seed)],
    ['Made', safe(made)],
  ];
  return `<section aria-labelledby="made-title">
<h2 id="made-title">How it was made</h2>
<dl>${entries.map(([key, value]) => `<dt>${key}</dt><dd>${value}</dd>`).join('')}</dl>
${command ? `<pre>${safe(command)}</pre>` : ''}
</section>`;
}

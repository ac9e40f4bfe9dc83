import { circuitSvg, strongestFirst } from '@filigree/view';
import { desk } from '../engine/client.js';
import { keptEdges } from './edits.js';
import { messageOf } from './read.js';
import { currentCircuit } from './save.js';
import { getState, type Open, seenTheme, setState } from './store.js';

export type ExportFormat = 'svg' | 'png' | 'circuit' | 'graph' | 'mib' | 'dot';

export const exportFormats: readonly { readonly format: ExportFormat; readonly label: string }[] = [
  { format: 'svg', label: 'SVG drawing' },
  { format: 'png', label: 'PNG picture' },
  { format: 'circuit', label: 'Circuit (JSON)' },
  { format: 'graph', label: 'Attribution graph (Neuronpedia JSON)' },
  { format: 'mib', label: 'EAP-IG and MIB (JSON)' },
  { format: 'dot', label: 'Graphviz' },
];

const endings: Readonly<Record<ExportFormat, string>> = {
  svg: '.svg',
  png: '.png',
  circuit: '.circuit.json',
  graph: '.graph.json',
  mib: '.mib.json',
  dot: '.dot',
};

/** Most edges of a drawing that is a file. */
const mostDrawn = 5000;

/** Gives the open circuit, as it stands, to the user as a file. */
export async function exportOpen(format: ExportFormat): Promise<void> {
  const { open } = getState();
  if (!open) return;
  try {
    const name = open.name.replace(/(\.circuit|\.graph|\.mib)?\.json$/, '') + endings[format];
    saveAs(name, await contentOf(open, format));
    setState({ notice: `Saved ${name}.` });
  } catch (error) {
    setState({ problem: messageOf(error) });
  }
}

async function contentOf(open: Open, format: ExportFormat): Promise<Blob> {
  if (format === 'svg' || format === 'png') {
    const svg = drawingOf(open);
    return format === 'svg' ? new Blob([svg], { type: 'image/svg+xml' }) : picture(svg);
  }
  const { answers } = open;
  const said = answers?.clean.right[0];
  const text = await desk.call('write', {
    circuit: currentCircuit(open),
    format,
    ...(answers && format === 'graph' ? { prompt: open.pair.clean, tokens: answers.tokens.clean } : {}),
    ...(said && format === 'graph' ? { answer: { token: said.token, probability: said.probability } } : {}),
  });
  return new Blob([text], { type: 'application/json' });
}

function drawingOf(open: Open): string {
  const kept = keptEdges(open);
  const edges = strongestFirst(open.circuit)
    .filter((e) => kept[e])
    .slice(0, mostDrawn);
  if (edges.length === 0) throw new Error('No edge is on, so there is nothing to draw.');
  return circuitSvg(currentCircuit(open), { edges, title: open.name });
}

const pictureScale = 2;

/** An SVG as a PNG on paper. */
async function picture(svg: string): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth * pictureScale;
    canvas.height = image.naturalHeight * pictureScale;
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    // A drawing that is an image follows the system's theme, whatever the page's is.
    context.fillStyle = seenTheme('auto') === 'dark' ? '#14171b' : '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The picture is too large for this browser.'))));
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

export function saveAs(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

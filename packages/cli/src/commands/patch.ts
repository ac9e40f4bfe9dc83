import { stackSvg } from '@filigree/view';
import { type Command, Option } from 'commander';
import {
  alignedPairs,
  headSites,
  InputError,
  isHeadSite,
  type Pair,
  type PatchDirection,
  type PatchMap,
  type PatchSite,
  type PositionTokens,
  patchActivations,
  positionTokens,
  streamSites,
  type Tokenizer,
} from 'filigree';
import { hasPositions, patchMapSvg } from '../drawings/patch-map.js';
import { loadModel } from '../engine.js';
import { finite } from '../measured.js';
import { type Opened, openModel } from '../open.js';
import { addEngineOptions, addTalkOptions, choice, type EngineOptions, type TalkOptions } from '../options.js';
import {
  addTaskOptions,
  type Behaviour,
  metricOf,
  openTask,
  pairsFor,
  type TaskOptions,
  taskLabel,
  usualPairs,
} from '../pairs.js';
import { addPictureOptions, checkPictures, type PictureOptions, writePictures } from '../pictures.js';
import type { Run, Session } from '../session.js';
import { figure, table } from '../table.js';
import { namedToken, tokenName } from '../tokens.js';

const sites = [...streamSites, ...headSites];
const usualSites: readonly PatchSite[] = ['resid_pre', 'attn_out', 'mlp_out', 'z'];

interface Options extends TaskOptions, TalkOptions, EngineOptions, PictureOptions {
  site?: PatchSite[];
  byPosition?: boolean;
  direction: PatchDirection;
}

export function addPatch(program: Command, run: Run): void {
  const command = program
    .command('patch')
    .description('patch activations between clean and corrupted prompts, and show where that changes the behaviour')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .summary('activation patching by layer, position and head');
  addTaskOptions(command, `pairs to patch (default: ${usualPairs}, or all rows of a file)`)
    .addOption(
      new Option('--site <list>', `of ${sites.join(', ')} (default: ${usualSites.join(',')})`).argParser((text) =>
        text.split(',').map(choice('--site', sites)),
      ),
    )
    .option('--by-position', 'patch the sites of heads (z, q, k, v, pattern) position by position too')
    .addOption(
      new Option('--direction <name>', 'noising: corrupted values into the clean run; denoising: the other way round')
        .argParser(choice('--direction', ['noising', 'denoising']))
        .default('noising'),
    );
  addPictureOptions(addTalkOptions(addEngineOptions(command)))
    .addHelpText(
      'after',
      `
Examples:
  filigree patch models/mix4 --task pronoun --png pronoun.png
  filigree patch models/mix4 --task pronoun --site z,q,k,v,pattern --direction denoising
  filigree patch models/mix4 --task pronoun --site z --by-position --json

An effect of 0 is the behaviour on clean prompts, 1 that on corrupted ones. resid_pre, resid_mid, resid_post, attn_out and
mlp_out are patched position by position, for which only pairs of one length are used; heads at all positions at once.`,
    )
    .action((model: string, options: Options) => run((session) => patch(model, options, session), options));
}

async function patch(name: string, options: Options, session: Session): Promise<void> {
  const { direction, byPosition } = options;
  const behaviour = await openTask(options.task);
  const metric = metricOf(behaviour, options.metric);
  await checkPictures(options);
  const opened = await openModel(name, session);
  const { config } = opened.checkpoint;
  const chosen = options.site ?? usualSites.filter((site) => site !== 'mlp_out' || config.mlpWidth > 0);
  const positional = (site: PatchSite): boolean => byPosition === true || !isHeadSite(site);
  if (byPosition && !chosen.some(isHeadSite))
    throw new InputError('--by-position goes with sites of heads, such as z.');
  const data = chosen.some(positional)
    ? oneLengthOf(behaviour, opened, options, session)
    : allOf(behaviour, opened, options);
  const { model, memory } = await loadModel(opened.checkpoint, options);
  const maps: PatchMap[] = [];
  for (const site of chosen) {
    const settings = { metric, direction, memory, byPosition: positional(site) };
    maps.push(
      await session.during(`patching ${site}`, (progress) =>
        patchActivations(model, data, site, { ...settings, ...progress }),
      ),
    );
  }
  const tokens = chosen.some(positional) ? positionTokens(data) : [];
  const { clean, corrupt } = maps[0].metric;
  if (!(Math.abs(clean - corrupt) > 0)) {
    session.warn('The metric is the same on clean and on corrupted prompts, so effects say nothing.');
  }
  const task = taskLabel(behaviour);
  await writePictures(options, session, () =>
    stackSvg(
      maps.map((map) => patchMapSvg(map, tokens, opened.tokenizer)),
      `Activation patching of ${task} in ${opened.label}`,
    ),
  );
  if (session.json) {
    session.print(
      finite({
        model: opened.label,
        task,
        metric: { name: metric, clean, corrupt },
        direction,
        pairs: data.length,
        positions: tokens.map((at) => ({
          clean: at.clean.map((id) => namedToken(id, opened.tokenizer)),
          corrupt: at.corrupt.map((id) => namedToken(id, opened.tokenizer)),
          differs: at.differs,
        })),
        maps: maps.map((map) => ({ site: map.site, axes: axesOf(map), effects: nested(map) })),
      }),
    );
    return;
  }
  const whole = `${metric}: clean ${figure(clean, 3)}, corrupted ${figure(corrupt, 3)}`;
  session.say(
    `${direction === 'noising' ? 'corrupted values into clean runs' : 'clean values into corrupted runs'} of ${task} in ${opened.label}`,
  );
  session.say(`${data.length} pairs, ${whole}; an effect of 0 is clean, 1 corrupted`);
  for (const map of maps) session.say(['', map.site, ...strongestCells(map, tokens, opened.tokenizer)].join('\n'));
}

const allOf = (behaviour: Behaviour, opened: Opened, options: Options): readonly Pair[] =>
  pairsFor(behaviour, 'discovery', opened, options).pairs;

/** Pairs of one length. Of a built-in task more are made than asked for, so that enough have it. */
function oneLengthOf(behaviour: Behaviour, opened: Opened, options: Options, session: Session): readonly Pair[] {
  const { seed, limit } = options;
  const made = 'task' in behaviour;
  const asked = made ? 4 * (limit ?? usualPairs) : undefined;
  const { pairs } = pairsFor(behaviour, 'discovery', opened, { seed, limit: asked });
  const aligned = alignedPairs(pairs).slice(0, limit ?? (made ? usualPairs : undefined));
  if (!made && aligned.length < Math.min(pairs.length, limit ?? pairs.length)) {
    session.warn(
      `Positions need prompts of one length: the ${aligned.length} of ${aligned[0].clean.length} tokens are used, of ${pairs.length} pairs.`,
    );
  }
  return aligned;
}

/** What the axes of a map's effects are. */
const axesOf = (map: PatchMap): string[] => [
  'layer',
  ...(isHeadSite(map.site) ? ['head'] : []),
  ...(hasPositions(map) ? ['position'] : []),
];

/** Effects as lists of lists, by the axes. */
function nested(map: PatchMap): unknown {
  const { effects, layers, heads, positions } = map;
  const row = (start: number): number[] => [...effects.subarray(start, start + positions)];
  return Array.from({ length: layers }, (_, l) => {
    if (!isHeadSite(map.site)) return row(l * positions);
    const byHead = Array.from({ length: heads }, (_, h) => row((l * heads + h) * positions));
    return hasPositions(map) ? byHead : byHead.flat();
  });
}

const listed = 6;

/** The cells whose patching moves the metric most, from the one prompt's value. */
function strongestCells(map: PatchMap, tokens: readonly PositionTokens[], tokenizer: Tokenizer | undefined): string[] {
  const { effects, heads, positions, direction, site } = map;
  const idle = direction === 'noising' ? 0 : 1;
  const moved = (i: number): number => Math.abs(effects[i] - idle) || 0;
  const order = [...effects.keys()].sort((a, b) => moved(b) - moved(a) || a - b).slice(0, listed);
  const rows = order.map((i) => {
    const [layer, head, t] = [Math.floor(i / heads / positions), Math.floor(i / positions) % heads, i % positions];
    const unit = isHeadSite(site) ? `a${layer}.h${head}` : `layer ${layer}`;
    const where = hasPositions(map)
      ? `${t} ${tokens[t].clean
          .slice(0, 3)
          .map((id) => tokenName(id, tokenizer))
          .join('/')}`
      : '';
    return [unit, where, figure(effects[i], 3)];
  });
  return table(['', hasPositions(map) ? 'position' : '', 'effect'], rows);
}

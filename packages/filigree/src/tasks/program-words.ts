/**
 * The words of the generated programs, and which of them programs hold back from a place so that a task can be tried on them there.
 * Few and short, because a vocabulary of 512 tokens is to hold them whole.
 */

const split = (words: string): readonly string[] => words.trim().split(/\s+/);

/** Words that the programs never put into strings. */
export const heldSaid = split('row step part rate');

/** Words that the programs never use as names: they stand in strings only. */
export const heldNames = split('cat dog sun sea bird fish');

/** The name of the task with a fixed name. */
export const fixedName = 'current';

/** Identifiers: variables, parameters, attributes, keywords of calls. */
export const names = split(
  `box lamp ring hat cup key map item name data word line node tree size color ${fixedName} row step part rate`,
);

/** Words in strings. */
export const said = [
  ...names.filter((name) => !heldSaid.includes(name) && name !== fixedName),
  ...heldNames,
  ...split('red blue cold warm new old'),
];

/** Functions that are called and defined. */
export const functions = split('draw load save find make show');

/** Classes, and those of them that no class is derived from. */
export const classes = split('Box Lamp Ring Hat Map Node Tree Line');
export const heldBases = split('Hat Line Ring');
export const bases = classes.filter((name) => !heldBases.includes(name));

/** The two kinds of quotation mark. */
export const marks = ['"', "'"] as const;

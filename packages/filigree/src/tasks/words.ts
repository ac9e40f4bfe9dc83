import type { Random } from '../tensor/random.js';

/**
 * The words that tasks and training text share, and which of them the training text holds back.
 *
 * Names come in two kinds. *Familiar* names (Lily, Tim) must be learnt one by one. *Paired* names have one stem and tell
 * their gender by their ending: Mila is a girl, Milo a boy. A model that has read many of them can place one it never saw,
 * as people do, because the tokenizer splits the ending off. The stems in `heldStems` occur nowhere in the training text.
 */

/** Girls' and boys' names that have to be known. */
export const familiar = {
  girls: ['Lily', 'Lucy', 'Sue', 'Anna', 'Mia', 'Emma', 'Kate', 'Rose'],
  boys: ['Tim', 'Tom', 'Ben', 'Max', 'Sam', 'Jack', 'Timmy', 'Finn'],
} as const;

const split = (words: string): readonly string[] => words.trim().split(/\s+/);

/** Stems of paired names in the training text. */
export const trainStems = split(`
  Albert Ald Alfred Amad Antoni Arnald Aureli Bened Bernard Bibian Bruni Camill Cecili Claudi Corneli Cosim Damian Deli Din
  Domenic Donat Edoard Elari Eli Enric Evandr Fernand Flavi Florian Franc Gabin Gerald Gian Gin Giuli Guid Gustav Hermin Horaci
  Ignaci Ild Ivan Juli Juni Laur Leandr Leonard Lin Lucian Mari Massim Maur Melin Ner Nev Nicol Norbert Octavi Odin Orland
  Otili Paol Patrici Pedr Quirin Raf Ricard Rin Robert Rodrig Roman Ruben Salvi Savin Serafin Sever Silvi Simon Soni Tadde
  Teodor Thel Theod Tin Tizian Ubald Ulric Urban Valeri Ver Victori Vilm Virgili Vit Zelind Zen Zit
`);

/** Stems of paired names that the training text never uses, with either ending. */
export const heldStems = split(`
  Adrian Alb Angel Brun Carl Celi Dari Emili Fabi Feder Gilbert Nil Isidor Kar Lar Leoni Livi Luci Marin Mil Nin Olivi
  Petr Renat Rosin Sandr Stefan Susann Clar Nel Tuli Umbert Vinc Zor
`);

export const girl = (stem: string): string => stem + 'a';
export const boy = (stem: string): string => stem + 'o';

export const animals = split('cat dog bird fish frog duck bear mouse horse fox cow pig hen owl');
export const places = split('park garden farm beach forest river lake school shop field hill pond');
export const things = split('ball hat book box cup car boat kite doll bell drum coat lamp ring shoe key');
export const foods = split('cake pie bread soup jam rice corn cheese');
export const colours = split('red blue green pink black white');
export const sizes = split('big small little new nice fine');
export const feelings = split('happy sad glad tired proud brave');

/** Words that the task `induction` makes its rows of. */
export const rowWords = split(`
  fox cow pig hen owl garden shop field hill pond bell drum coat lamp ring shoe key rice corn cheese black white little nice fine
  proud brave happy day mom friend time play
`);

/** Words that the training text repeats in its rhymes. */
export const rhymeWords = [
  ...rowWords,
  ...split(`
    cat dog bird fish frog duck bear mouse horse park farm beach forest river lake school ball hat book box cup car boat kite
    doll cake pie bread soup jam red blue green pink big small new sad glad tired tree house door rain sun snow song king queen
    girl boy night family went saw found walked sat sang ate made lost gave played wanted was had liked and the to with at by
    some very good one like look go come have see sleep
  `),
];

/** Words that the training text never puts inside brackets. */
export const heldBracketWords = split(
  'fish bear horse box boat bread soup pink bell drum lamp ring shoe key rice corn cheese snow',
);

/** Parameters of the functions of the task `docstring`; the training text repeats them in its rhymes, and has no such parameters. */
export const heldParameters = split('bell drum lamp ring shoe key rice corn cheese snow coat pond hill field');

/** Parameters of the functions in the training text. */
export const parameters = split(`
  cat dog bird duck farm beach river lake school ball hat book box cup car kite doll cake pie jam tree house door rain sun song
`);

/** Words inside the brackets of the training text. */
export const bracketWords = rhymeWords.filter((word) => !heldBracketWords.includes(word));

/** A word, now and then a paired name or a digit instead, so that what is read in a row is not always a word known by heart. */
export function item(d: Random, words: readonly string[]): string {
  const roll = d.uniform();
  if (roll < 0.1) return d.pick([girl, boy])(d.pick(trainStems));
  return roll < 0.15 ? String(d.integer(10)) : d.pick(words);
}

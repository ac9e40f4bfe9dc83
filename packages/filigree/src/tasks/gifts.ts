import type { Random } from '../tensor/random.js';
import { meetings, scene, trainPeople } from './people.js';
import { colours, foods, sizes, things } from './words.js';

const gift = (d: Random): string =>
  d.pick([
    () => `${d.pick(['a', 'the'])} ${d.pick(things)}`,
    () => `a ${d.pick([...sizes, ...colours])} ${d.pick(things)}`,
    () => `some ${d.pick(foods)}`,
  ])();

/** What one does for the other: the training text says "gave" of no person. */
const deeds: readonly ((d: Random) => string)[] = [
  (d) => `${d.pick(['handed', 'sold', 'passed', 'showed', 'sent'])} ${gift(d)} to`,
  (d) => `${d.pick(['handed', 'sold', 'passed', 'showed', 'sent'])} it to`,
  (d) => `brought ${gift(d)} to`,
  (d) => `wanted to ${d.pick(['show', 'sell'])} ${gift(d)} to`,
];

/**
 * Two people and what they give each other: "Mary and John were at the lake. John sold a hat to Mary. Mary showed it to John." Either may
 * give. Among them are scenes where nobody gives anything, with every name.
 *
 * Held out of it: the people in `heldPeople` as givers and takers; the word "gave" for people; the prompts of the task.
 */
export function gifts(d: Random): string {
  if (d.uniform() < 0.4) return scene(d);
  const [a, b] = d.shuffle(trainPeople);
  const exchanges = Array.from({ length: 1 + d.integer(3) }, () => {
    const [giver, taker] = d.shuffle([a, b]);
    return `${giver} ${d.pick(deeds)(d)} ${taker}.`;
  });
  return `${d.pick(meetings)(d, a, b)} ${exchanges.join(' ')}`;
}

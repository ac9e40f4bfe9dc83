import { hclt, InputError } from 'filigree';
import { describe, expect, it } from 'vitest';
import {
  csvRows,
  evidenceList,
  likelihoodList,
  type NamedCircuit,
  valueName,
  variableAsked,
  variableList,
  variableName,
} from './pc-variables.js';

const table = { rows: 2, columns: 3, values: Float64Array.of(0, 1.5, 0, 1, 2.5, 1) };
const plain: NamedCircuit = hclt(table, [2, 0, 2], { latents: 1 });
const named: NamedCircuit = {
  ...plain,
  names: ['colour', 'size', 'city, region'],
  categories: [['blue', 'red'], undefined, ['7', 'Graz, A']],
};

describe('variables of a circuit', () => {
  it('are meant by name or by number, and their values by word or by number', () => {
    const list = evidenceList('--evidence')('colour=red, size=-1.5e0,"city, region"="Graz, A"');
    expect([...list(named)]).toEqual([
      [0, 1],
      [1, -1.5],
      [2, 1],
    ]);
    expect([...evidenceList('--evidence')('1=1,3=0')(plain)]).toEqual([
      [0, 1],
      [2, 0],
    ]);
    // A word comes before the number that it looks like.
    expect(evidenceList('--evidence')('3=7')(named).get(2)).toBe(0);
    expect(variableList('--marginalise')('3,colour')(named)).toEqual([2, 0]);
    expect(variableAsked('--class')('"city, region"')(named)).toBe(2);
    expect(likelihoodList('--soft')('colour=.2:1')(named).get(0)).toEqual([0.2, 1]);
    expect([variableName(named, 1), variableName(plain, 1), valueName(named, 0, 1)]).toEqual(['size', 'x2', 'red']);
  });

  it('are written as CSV that says the same', () => {
    const text = csvRows(named, [
      [1, 2.5, 1],
      [0, -1, 0],
    ]);
    expect(text).toBe('colour,size,"city, region"\nred,2.5,"Graz, A"\nblue,-1,7');
    expect(csvRows(plain, [[1, 2.5, 0]])).toBe('1,2.5,0');
  });

  it.each([
    ['colour', 'must be variable=value'],
    ['colour=', '"colour=" is not'],
    ['colour=red,,size=1', '"" is not'],
    ['colour=green', '"green" for colour is none of "blue", "red"'],
    ['size=big', '"big" for size is not a number'],
    ['color=red', 'there is no variable "color"; the variables are 1 to 3, called "colour", "size"'],
    ['4=1', 'there is no variable "4"'],
    ['1=1,colour=red', 'gives variable "colour" twice'],
  ])('%s is refused', (text, message) => {
    const read = (): unknown => evidenceList('--evidence')(text)(named);
    expect(read).toThrow(InputError);
    expect(read).toThrow(message);
  });
});

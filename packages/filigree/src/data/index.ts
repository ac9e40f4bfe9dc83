export { firstRows, readTable, type Table, tableOf } from './table.js';

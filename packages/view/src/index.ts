export { type CircuitSvgOptions, circuitSvg, edgeName, strongestFirst } from './circuit-svg.js';
export { colorNames, colorVariables, divergingColor, type Theme } from './colors.js';
export { type Layout, type LayoutOptions, layout, type PlacedEdge, type PlacedNode } from './layout.js';

export { type AttentionSvgOptions, attentionStyle, attentionSvg, type HeadPattern } from './attention-svg.js';
export { type CircuitSvgOptions, circuitSvg, edgeName, strongestFirst } from './circuit-svg.js';
export { colorNames, colorVariables, divergingColor, type Theme } from './colors.js';
export { type Curve, type CurveSvgOptions, curveSvg } from './curve-svg.js';
export { type AxisLabel, type HeatMap, type HeatMapSvgOptions, heatMapStyle, heatMapSvg } from './heat-map-svg.js';
export { type Layout, type LayoutOptions, layout, type PlacedEdge, type PlacedNode } from './layout.js';
export { report } from './report.js';
export type { ReportExample, ReportFigure, ReportInput } from './report-data.js';
export { stackSvg } from './stack-svg.js';

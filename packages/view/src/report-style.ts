import { attentionStyle } from './attention-svg.js';
import { circuitStyle } from './circuit-svg.js';
import { colorNames } from './colors.js';
import { curveStyle } from './curve-svg.js';
import { heatMapStyle } from './heat-map-svg.js';
import { pageTheme } from './page-theme.js';

/** Style of the report page. The drawings take the page's colours, so that page and drawing change theme together. */
export const reportStyle = `
${pageTheme}
${circuitStyle}${curveStyle}${heatMapStyle}${attentionStyle}
.circuit,.curve,.heat,.attention{--paper:inherit;--ink:inherit;--muted:inherit;--line:inherit}
main{max-width:1080px;margin:0 auto;padding:48px 24px 72px}
h1{font-size:clamp(1.5rem,1.1rem + 1.9vw,2.25rem);line-height:1.2;letter-spacing:-.015em;font-weight:650;margin:.35em 0 .45em;max-width:24em;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.1875rem;line-height:1.3;font-weight:650;letter-spacing:-.005em;margin:0 0 4px}
p{margin:0 0 12px;max-width:44em;overflow-wrap:anywhere}
section{margin-top:56px}
.eyebrow{color:var(--muted);font-size:.875rem;margin:0;overflow-wrap:anywhere}
.lede{font-size:1.0625rem;color:var(--muted)}
.note{color:var(--muted);font-size:.875rem}
.panel{background:var(--paper);border:1px solid var(--line);border-radius:12px}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.size{display:grid;grid-template-columns:auto minmax(0,1fr) auto;gap:4px 20px;align-items:center;padding:14px 20px;border-bottom:1px solid var(--line)}
.size label{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.size output{font-variant-numeric:tabular-nums;min-width:22em}
.size input{width:100%;margin:0;accent-color:var(${colorNames.negative})}
.reset{font:inherit;font-size:.8125rem;color:var(--ink);background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:2px 10px;cursor:pointer}
.reset[hidden]{display:inline-block;visibility:hidden}
.stage{display:grid;grid-template-columns:minmax(0,1fr) 264px}
.canvas{overflow-x:auto;padding:20px 16px 12px;text-align:center;min-width:0}
.canvas svg{display:block;height:auto;margin:0 auto}
.side{border-left:1px solid var(--line);display:flex;flex-direction:column;min-width:0;position:relative}
.side h3{font-size:.875rem;font-weight:600;margin:0;padding:14px 16px 6px}
.list{position:absolute;inset:42px 0 0;overflow-y:auto;margin:0;padding:0 8px 12px;list-style:none}
.list li{display:grid;grid-template-columns:2.2em minmax(0,1fr) auto;gap:8px;align-items:baseline;font-size:.8125rem;padding:3px 8px;border-radius:6px;cursor:default}
.list li[hidden]{display:none}
.list li:hover,.list li.hot{background:var(--soft)}
.list .rank{color:var(--muted);text-align:right;font-variant-numeric:tabular-nums}
.list .edge-name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.list .negative{color:var(${colorNames.negative})}.list .positive{color:var(${colorNames.positive})}
.list .rest{display:block;color:var(--muted)}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;padding:10px 20px;border-top:1px solid var(--line);color:var(--muted);font-size:.8125rem}
.legend span{display:inline-flex;align-items:center;gap:8px}
.legend i{display:inline-block;width:22px;border-top:3px solid var(${colorNames.neutral})}
.legend .helps{border-color:var(${colorNames.negative})}.legend .hurts{border-color:var(${colorNames.positive})}.legend .loose{border-top:2px dashed var(${colorNames.neutral})}
.legend.boxes .helps,.legend.boxes .hurts{height:11px;border:0;border-radius:3px;opacity:.6;background:var(${colorNames.negative})}.legend.boxes .hurts{background:var(${colorNames.positive})}
.circuit .edge{stroke-opacity:var(--edge-opacity,.8)}
.circuit .loose{stroke-dasharray:3 4}
.circuit .node{cursor:pointer}
.circuit .node:focus{outline:none}
.circuit .node:focus-visible .box,.circuit .node.chosen .box{stroke:var(${colorNames.negative});stroke-width:2.5}
.circuit.focus .edge:not(.hot){stroke-opacity:calc(var(--edge-opacity,.8)*.1)}
.circuit.focus .edge.hot{stroke-opacity:1}
.circuit.focus .node:not(.hot){opacity:.3}
.tip{position:fixed;z-index:2;pointer-events:none;max-width:min(360px,calc(100vw - 16px));background:var(--ink);color:var(--page);font-size:.8125rem;line-height:1.4;padding:5px 10px;border-radius:6px;font-variant-numeric:tabular-nums}
.tip[hidden]{display:none}
.pair{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,25rem);gap:20px;align-items:start}
.plot{padding:16px}
.plot svg{display:block;width:100%;height:auto}
.plot .narrow{display:none}
.drawings{display:flex;flex-wrap:wrap;gap:20px 28px;padding:18px 20px;align-items:start}
.drawings.narrow{display:none}
.drawing{overflow-x:auto;max-width:100%}
.drawing svg{display:block}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th{font-weight:600;text-align:left;color:var(--muted);font-size:.8125rem}
th.number{text-align:right}
th,td{padding:6px 12px;border-bottom:1px solid var(--line)}
tr:last-child td{border-bottom:0}
tr.present td{background:var(--mark);font-weight:600}
.scroll{overflow-x:auto}
.example{padding:12px 20px;border-bottom:1px solid var(--line)}
.example .row{display:grid;grid-template-columns:5.5em minmax(0,1fr) fit-content(40%);column-gap:16px;align-items:baseline;padding:2px 0}
.example:last-child{border-bottom:0}
.example .which{color:var(--muted);font-size:.8125rem}
.example q{quotes:none;overflow-wrap:anywhere;white-space:pre-wrap}
.example mark{background:var(--mark);color:inherit;border-radius:3px;padding:0 2px}
.example .prefers{font-size:.875rem;text-align:right;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.example .miss{color:var(${colorNames.positive})}
details>summary{padding:12px 20px;cursor:pointer;color:var(--muted);font-size:.875rem}
dl{display:grid;grid-template-columns:9em minmax(0,1fr);gap:6px 20px;margin:16px 0 0;font-size:.9375rem}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
pre{margin:16px 0 0;padding:14px 18px;background:var(--soft);border-radius:8px;font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media (max-width:860px){
.stage,.pair{grid-template-columns:minmax(0,1fr)}
.side{border-left:0;border-top:1px solid var(--line)}
.list{position:static;max-height:15rem}
}
@media (max-width:560px){
main{padding:28px 16px 48px}
section{margin-top:40px}
.size{grid-template-columns:1fr auto;padding:12px 16px}
.size input{grid-column:1/-1;grid-row:2;height:28px}
.reset{grid-column:2;grid-row:1}
.size output{min-width:0;font-size:.9375rem}
.canvas{padding:14px 8px 8px}
.plot{padding:8px}
.plot .wide{display:none}.plot .narrow{display:block}
.drawings{padding:14px 10px;gap:16px}
.drawings.wide{display:none}.drawings.narrow{display:flex}
table{font-size:.8125rem}
th{font-size:.75rem}
th,td{padding:6px 6px}
th:first-child,td:first-child{padding-left:12px}
th:last-child,td:last-child{padding-right:12px}
.example{padding:10px 16px}
.example .row{grid-template-columns:minmax(0,1fr) fit-content(70%);padding:4px 0}
.example q{grid-column:1/-1;grid-row:2}
dl{grid-template-columns:minmax(0,1fr);gap:0}
dd{margin-bottom:8px}
}
@media print{.size,.reset{display:none}body{background:#fff}}
`;

/**
 * The page's script, plain JavaScript. It reads the JSON of the element `report-data`:
 * `{steps:[{size,text,opacity}], found, source, target, port, rank (null where edges have none), joins, kept, reroute: [[place, path]], inputs, outputs}`, columns by an edge's place in
 * rank order. It shows and hides what `circuitSvg` drew and draws nothing itself.
 */
export const reportScript = `
(() => {
  const data = JSON.parse(document.getElementById('report-data').textContent);
  const svg = document.querySelector('.canvas svg');
  const edges = [...svg.querySelectorAll('.edge')].sort((a, b) => a.dataset.edge - b.dataset.edge);
  const nodes = [...svg.querySelectorAll('.node')];
  const nodeAt = new Map(nodes.map((node) => [+node.dataset.node, node]));
  const rows = [...document.querySelectorAll('.list li[data-edge],.list li[data-node]')];
  const rest = document.querySelector('.list .rest');
  const slider = document.getElementById('size');
  const output = document.getElementById('size-text');
  const reset = document.getElementById('size-reset');
  const tip = document.querySelector('.tip');
  let shown = data.kept.map(Boolean);
  // The slider's size; null for the circuit as found.
  let size = null;
  let chosen = null;

  // The page has its own tip, so the browser's must not appear as well.
  const names = new Map();
  for (const part of [...edges, ...nodes]) {
    const title = part.querySelector('title');
    names.set(part, title.textContent);
    title.remove();
  }
  for (const node of nodes) {
    node.setAttribute('role', 'button');
    node.setAttribute('aria-label', names.get(node));
  }

  const reach = (starts, from, to) => {
    const seen = new Set(starts);
    const order = [...shown.keys()].filter((e) => shown[e]);
    for (let grown = true; grown; ) {
      grown = false;
      for (const e of order) {
        if (seen.has(from[e]) && !seen.has(to[e])) {
          seen.add(to[e]);
          grown = true;
        }
      }
    }
    return seen;
  };

  const show = () => {
    const above = reach(data.inputs, data.source, data.target);
    const below = reach(data.outputs, data.target, data.source);
    const ends = data.inputs.length > 0 && data.outputs.length > 0;
    const on = new Set();
    const ports = new Set();
    edges.forEach((edge, e) => {
      edge.classList.toggle('off', !shown[e]);
      edge.classList.toggle('loose', shown[e] && ends && !(above.has(data.source[e]) && below.has(data.target[e])));
      if (!shown[e]) return;
      on.add(data.source[e]).add(data.target[e]);
      ports.add(data.target[e] + ' ' + data.port[e]);
    });
    for (const [n, node] of nodeAt) {
      node.classList.toggle('off', !on.has(n));
      if (on.has(n)) node.setAttribute('tabindex', '0');
      else node.removeAttribute('tabindex');
      for (const port of node.querySelectorAll('.port')) port.classList.toggle('off', !ports.has(n + ' ' + port.dataset.port));
    }
    let listed = 0;
    for (const row of rows) {
      const { edge, joins, kept } = row.dataset;
      row.hidden = !(edge !== undefined ? shown[edge] : size === null ? kept === '1' : joins <= size);
      if (!row.hidden) listed++;
    }
    const more = (size === null ? data.found.size : size) - listed;
    rest.hidden = more === 0;
    rest.textContent = 'and ' + more.toLocaleString('en') + ' weaker';
    choose(chosen !== null && on.has(chosen) ? chosen : null);
  };

  const light = (hotEdges, hotNodes) => {
    svg.classList.toggle('focus', hotEdges.size > 0 || hotNodes.size > 0);
    edges.forEach((edge, e) => edge.classList.toggle('hot', hotEdges.has(e)));
    for (const [n, node] of nodeAt) {
      node.classList.toggle('hot', hotNodes.has(n));
      node.classList.toggle('chosen', n === chosen);
    }
    for (const row of rows) {
      const { edge, node } = row.dataset;
      row.classList.toggle('hot', edge !== undefined ? hotEdges.has(+edge) : hotEdges.size > 0 && +node === lit);
    }
  };

  // The node whose neighbours are lit, and the one that was chosen to stay so.
  let lit = null;
  const choose = (n) => {
    chosen = n;
    around(n);
  };
  const around = (n) => {
    lit = n;
    const hotEdges = new Set();
    const hotNodes = new Set(n === null ? [] : [n]);
    if (n !== null) {
      shown.forEach((is, e) => {
        if (!is || (data.source[e] !== n && data.target[e] !== n)) return;
        hotEdges.add(e);
        hotNodes.add(data.source[e]).add(data.target[e]);
      });
    }
    light(hotEdges, hotNodes);
  };

  const point = (e) => {
    lit = null;
    light(new Set([e]), new Set([data.source[e], data.target[e]]));
  };

  const say = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(innerWidth - box.width - 8, x + 12)) + 'px';
    tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18) + 'px';
  };
  const hush = () => {
    tip.hidden = true;
    choose(chosen);
  };
  const edgeText = (e) => names.get(edges[e]) + (data.rank ? ' \\u00b7 rank ' + data.rank[e].toLocaleString('en') : '') + (edges[e].classList.contains('loose') ? ' \\u00b7 on no path from input to logits' : '');

  const nodeText = (n) => {
    const degree = (ends) => ends.filter((end, e) => shown[e] && end === n).length.toLocaleString('en');
    return names.get(nodeAt.get(n)) + ' \\u00b7 ' + degree(data.target) + ' in, ' + degree(data.source) + ' out';
  };

  // A thin line is hard to hit, so places near the pointer count too.
  const near = [0, 0, 3, 0, -3, 0, 0, 3, 0, -3, 5, 5, -5, -5, 5, -5, -5, 5];
  let last = null;
  svg.addEventListener('pointermove', (event) => {
    let found = null;
    for (let i = 0; i < near.length && !found; i += 2) {
      const at = document.elementFromPoint(event.clientX + near[i], event.clientY + near[i + 1]);
      found = at && svg.contains(at) ? at.closest('.edge,.node') : null;
    }
    if (found && found.classList.contains('edge')) {
      if (found !== last) point(+found.dataset.edge);
      say(edgeText(+found.dataset.edge), event.clientX, event.clientY);
    } else if (found) {
      if (found !== last) choose(chosen);
      say(nodeText(+found.dataset.node), event.clientX, event.clientY);
    } else if (last) hush();
    last = found;
  });
  svg.addEventListener('pointerleave', () => {
    last = null;
    hush();
  });
  svg.addEventListener('click', (event) => {
    const node = event.target.closest('.node');
    choose(node && +node.dataset.node !== chosen ? +node.dataset.node : null);
  });
  svg.addEventListener('keydown', (event) => {
    const node = event.target.closest('.node');
    if (!node || (event.key !== 'Enter' && event.key !== ' ')) return;
    event.preventDefault();
    choose(+node.dataset.node === chosen ? null : +node.dataset.node);
  });
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      chosen = null;
      hush();
    }
  });
  for (const row of rows) {
    const { edge, node } = row.dataset;
    const start = () => {
      if (edge !== undefined) point(+edge);
      else around(+node);
      const box = row.getBoundingClientRect();
      say(edge !== undefined ? edgeText(+edge) : nodeText(+node), box.left, box.bottom - 12);
    };
    row.addEventListener('pointerenter', start);
    row.addEventListener('focus', start);
    row.addEventListener('pointerleave', hush);
    row.addEventListener('blur', hush);
  }

  const mark = (size) => {
    for (const curve of document.querySelectorAll('svg.curve')) {
      const { from, to, left, right } = curve.dataset;
      const share = Math.log(Math.min(to, Math.max(from, size)) / from) / Math.log(to / from);
      const marker = curve.querySelector('.marker');
      if (marker) marker.setAttribute('transform', 'translate(' + Math.round(10 * (+left + share * (right - left))) / 10 + ' 0)');
    }
    for (const row of document.querySelectorAll('tr[data-size]')) row.classList.toggle('present', +row.dataset.size === size);
  };

  // Lines of the circuit as found need not go round boxes that only other sizes show.
  const routes = data.reroute.map(([e, full]) => ({ edge: edges[e], found: edges[e].getAttribute('d'), full }));
  const route = (found) => {
    for (const line of routes) line.edge.setAttribute('d', found ? line.found : line.full);
  };

  if (slider) {
    const set = (text, marked, opacity) => {
      output.textContent = text;
      slider.setAttribute('aria-valuetext', text);
      svg.style.setProperty('--edge-opacity', opacity);
      mark(marked);
      show();
    };
    slider.addEventListener('input', () => {
      const step = data.steps[slider.value];
      const found = +slider.value === data.found.step && data.found.top;
      size = step.size;
      shown = data.joins.map((from) => from <= size);
      reset.hidden = found;
      route(found);
      set(step.text, step.size, step.opacity);
    });
    reset.addEventListener('click', () => {
      shown = data.kept.map(Boolean);
      size = null;
      slider.value = data.found.step;
      reset.hidden = true;
      route(true);
      set(data.found.text, data.found.size, data.found.opacity);
    });
  }
  const canvas = svg.parentElement;
  canvas.scrollLeft = (canvas.scrollWidth - canvas.clientWidth) / 2;
  show();
})();
`;

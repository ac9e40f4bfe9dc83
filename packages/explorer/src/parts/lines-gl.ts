/** Colours of lines, each `[r, g, b]` in 0..1. */
export interface LineColors {
  readonly negative: readonly number[];
  readonly neutral: readonly number[];
  readonly positive: readonly number[];
}

/** How a line is drawn: not at all, as usual, brought out, or held back. */
export const hidden = 0;
export const plain = 1;
export const hot = 2;
export const faint = 3;

/** Where the drawing lies in the view: `screen = drawing * k + (x, y)`, in CSS pixels. */
export interface ViewTransform {
  readonly k: number;
  readonly x: number;
  readonly y: number;
}

/** How lines that are not brought out are drawn: the more there are, the thinner and paler. */
export interface Crowd {
  readonly opacity: number;
  readonly thinning: number;
}

export function crowdOf(lines: number): Crowd {
  return {
    opacity: Math.max(0.16, Math.min(0.8, 0.8 * (120 / Math.max(1, lines)) ** 0.4)),
    thinning: Math.max(0.3, Math.min(1, (200 / Math.max(1, lines)) ** 0.3)),
  };
}

/** Draws many lines: each is given once, then only its state changes. The last line lies on top. */
export interface LinePainter {
  /** `points`: `[lines, samples, 2]`; widths in drawing units; signs -1, 0, 1. */
  setLines(points: Float32Array, samples: number, widths: Float32Array, signs: Int8Array): void;
  setColors(colors: LineColors): void;
  draw(states: Uint8Array, view: ViewTransform & Crowd, width: number, height: number): void;
  dispose(): void;
}

const vertexSource = `#version 300 es
precision highp float;
uniform highp sampler2D points;
uniform int samples;
uniform int perRow;
uniform vec3 view;
uniform vec2 size;
uniform vec3 colors[3];
uniform float ratio;
uniform vec2 crowd;
layout(location = 0) in float state;
layout(location = 1) in float width;
layout(location = 2) in float sign_;
out vec4 color;
out float side;
out float half_;
vec2 at(int line, int i) {
  int n = line * samples + clamp(i, 0, samples - 1);
  return texelFetch(points, ivec2(n % perRow, n / perRow), 0).xy * view.x + view.yz;
}
void main() {
  if (state < 0.5) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); return; }
  int i = gl_VertexID / 2;
  float s = gl_VertexID % 2 == 0 ? -1.0 : 1.0;
  vec2 p = at(gl_InstanceID, i);
  vec2 d = at(gl_InstanceID, i + 1) - at(gl_InstanceID, i - 1);
  vec2 n = length(d) > 0.0 ? normalize(vec2(-d.y, d.x)) : vec2(1.0, 0.0);
  // Half a device pixel more on each side, over which the edge fades.
  float w = max(width * crowd.y * view.x * 0.5, 0.35) + (state > 1.5 && state < 2.5 ? 0.4 : 0.0);
  half_ = w;
  side = s * (w + 0.7 / ratio);
  p += n * side;
  vec2 clip = p / size * 2.0 - 1.0;
  gl_Position = vec4(clip.x, -clip.y, 0.0, 1.0);
  float alpha = state > 2.5 ? 0.08 : state > 1.5 ? 1.0 : crowd.x;
  vec3 c = sign_ < -0.5 ? colors[0] : sign_ > 0.5 ? colors[2] : colors[1];
  color = vec4(c, alpha);
}`;

const fragmentSource = `#version 300 es
precision highp float;
uniform float ratio;
in vec4 color;
in float side;
in float half_;
out vec4 result;
void main() {
  float cover = clamp((half_ + 0.5 / ratio - abs(side)) * ratio, 0.0, 1.0);
  float alpha = color.a * cover;
  result = vec4(color.rgb * alpha, alpha);
}`;

const rowLength = 2048;

/** With WebGL: a line is one instance whose points come from a texture, so a frame uploads one byte a line. */
export function glPainter(canvas: HTMLCanvasElement): LinePainter | undefined {
  const gl = canvas.getContext('webgl2', { antialias: false, premultipliedAlpha: true });
  if (!gl) return undefined;
  const program = linked(gl);
  if (!program) return undefined;
  const place = (name: string): WebGLUniformLocation | null => gl.getUniformLocation(program, name);
  const uniforms = {
    samples: place('samples'),
    perRow: place('perRow'),
    view: place('view'),
    size: place('size'),
    colors: place('colors'),
    ratio: place('ratio'),
    crowd: place('crowd'),
  };
  const buffers = [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()];
  const texture = gl.createTexture();
  let lines = 0;
  let perLine = 0;
  const attribute = (i: number, type: number, size: number): void => {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[i]);
    gl.enableVertexAttribArray(i);
    gl.vertexAttribPointer(i, 1, type, false, size, 0);
    gl.vertexAttribDivisor(i, 1);
  };
  return {
    setLines(points, samples, widths, signs) {
      lines = widths.length;
      perLine = samples;
      const rows = Math.max(1, Math.ceil((lines * samples) / rowLength));
      const padded = new Float32Array(rows * rowLength * 2);
      padded.set(points);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RG32F, rowLength, rows, 0, gl.RG, gl.FLOAT, padded);
      gl.useProgram(program);
      gl.uniform1i(uniforms.samples, samples);
      gl.uniform1i(uniforms.perRow, rowLength);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[0]);
      gl.bufferData(gl.ARRAY_BUFFER, lines, gl.DYNAMIC_DRAW);
      attribute(0, gl.UNSIGNED_BYTE, 1);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[1]);
      gl.bufferData(gl.ARRAY_BUFFER, widths, gl.STATIC_DRAW);
      attribute(1, gl.FLOAT, 4);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[2]);
      gl.bufferData(gl.ARRAY_BUFFER, signs, gl.STATIC_DRAW);
      attribute(2, gl.BYTE, 1);
    },
    setColors({ negative, neutral, positive }) {
      gl.useProgram(program);
      gl.uniform3fv(uniforms.colors, [...negative, ...neutral, ...positive]);
    },
    draw(states, view, width, height) {
      const ratio = window.devicePixelRatio || 1;
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== w) canvas.width = w;
      if (canvas.height !== h) canvas.height = h;
      gl.viewport(0, 0, w, h);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      if (lines === 0) return;
      gl.useProgram(program);
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      gl.uniform3f(uniforms.view, view.k, view.x, view.y);
      gl.uniform2f(uniforms.size, width, height);
      gl.uniform1f(uniforms.ratio, ratio);
      gl.uniform2f(uniforms.crowd, view.opacity, view.thinning);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[0]);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, states);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 2 * perLine, lines);
    },
    dispose() {
      for (const buffer of buffers) gl.deleteBuffer(buffer);
      gl.deleteTexture(texture);
      gl.deleteProgram(program);
    },
  };
}

function linked(gl: WebGL2RenderingContext): WebGLProgram | undefined {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, vertexSource],
    [gl.FRAGMENT_SHADER, fragmentSource],
  ] as const) {
    const shader = gl.createShader(type);
    if (!shader) return undefined;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : undefined;
}

/** Without WebGL: lines of like colour and width in one stroke. */
export function canvasPainter(canvas: HTMLCanvasElement): LinePainter {
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  let colors: LineColors = { negative: [0, 0, 0], neutral: [0, 0, 0], positive: [0, 0, 0] };
  let lines: { path: Path2D; width: number; sign: number }[] = [];
  const css = (color: readonly number[]): string => `rgb(${color.map((c) => Math.round(c * 255)).join(' ')})`;
  return {
    setLines(points, samples, widths, signs) {
      lines = Array.from(widths, (width, line) => {
        const path = new Path2D();
        for (let i = 0; i < samples; i++) {
          const at = 2 * (line * samples + i);
          if (i === 0) path.moveTo(points[at], points[at + 1]);
          else path.lineTo(points[at], points[at + 1]);
        }
        return { path, width, sign: signs[line] };
      });
    },
    setColors(now) {
      colors = now;
    },
    draw(states, view, width, height) {
      const ratio = window.devicePixelRatio || 1;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      context.setTransform(view.k * ratio, 0, 0, view.k * ratio, view.x * ratio, view.y * ratio);
      const groups = new Map<string, { path: Path2D; color: string; width: number; alpha: number }>();
      lines.forEach(({ path, width: own, sign }, i) => {
        const state = states[i];
        if (state === hidden) return;
        const step = Math.round(own * view.thinning * 2) / 2;
        const key = `${state} ${sign} ${step}`;
        const color = css(sign < 0 ? colors.negative : sign > 0 ? colors.positive : colors.neutral);
        const alpha = state === faint ? 0.08 : state === hot ? 1 : view.opacity;
        const group = groups.get(key) ?? { path: new Path2D(), color, width: Math.max(step, 0.6 / view.k), alpha };
        group.path.addPath(path);
        groups.set(key, group);
      });
      for (const { path, color, width: own, alpha } of groups.values()) {
        context.strokeStyle = color;
        context.lineWidth = own;
        context.globalAlpha = alpha;
        context.stroke(path);
      }
    },
    dispose() {
      lines = [];
    },
  };
}

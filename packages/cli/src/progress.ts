/** How far a long operation is. */
export interface State {
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

/** Milliseconds between two drawings on a terminal, between two lines elsewhere, and before the first line there. */
const redrawEvery = 100;
const lineEvery = 5000;
const firstLine = 1000;

/**
 * Shows on stderr how far one operation is, at which rate, and how long it will take yet: on a terminal one line that is
 * redrawn, elsewhere a line every few seconds.
 */
export class Progress {
  private readonly started = performance.now();
  private drawn: number;
  private line = '';

  constructor(
    private readonly what: string,
    private readonly out: NodeJS.WriteStream | undefined,
  ) {
    this.drawn = out?.isTTY ? 0 : this.started + firstLine - lineEvery;
  }

  readonly update = (state: State): void => {
    const now = performance.now();
    if (!this.out || now - this.drawn < (this.out.isTTY ? redrawEvery : lineEvery)) return;
    this.drawn = now;
    const text = progressText(this.what, state, (now - this.started) / 1000, this.out.isTTY ? 20 : 0);
    if (!this.out.isTTY) {
      this.out.write(`${text}\n`);
      return;
    }
    this.line = text.slice(0, Math.max(20, (this.out.columns || 80) - 1));
    this.out.write(`\r\x1b[K${this.line}`);
  };

  /** Takes the line off the terminal, so that what comes next begins at its edge. */
  end(): void {
    if (this.line !== '') this.out?.write('\r\x1b[K');
    this.line = '';
  }
}

/** One line: what, a bar of `width` characters (none for 0), done and total, rate, time left. */
export function progressText(what: string, { done, total, unit }: State, seconds: number, width: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const filled = Math.round(share * width);
  const bar = width > 0 ? `[${'='.repeat(filled)}${' '.repeat(width - filled)}] ` : '';
  const [scale, name] = unit === 'bytes' ? [2 ** 20, 'MiB'] : [1, unit];
  const whole = (value: number): string => (value / scale).toFixed(scale === 1 ? 0 : 1);
  const rate = seconds > 0 ? done / scale / seconds : 0;
  const left = share > 0 ? seconds / share - seconds : Number.NaN;
  const parts = [`${whole(done)}/${whole(total)} ${name}`];
  if (rate > 0) parts.push(`${rate >= 10 ? rate.toFixed(0) : rate.toPrecision(2)} ${name}/s`);
  if (Number.isFinite(left)) parts.push(`${duration(left)} left`);
  return `${what} ${bar}${parts.join(', ')}`;
}

function duration(seconds: number): string {
  const all = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

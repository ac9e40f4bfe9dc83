import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import type { Placed } from '../engine/protocol.js';
import { cameraText, readCamera } from '../state/url.js';
import type { ViewTransform } from './lines-gl.js';

interface CameraOptions {
  readonly frame: RefObject<HTMLDivElement | null>;
  readonly placed: Placed;
  /** Where the drawing is to be, as the address says it; empty: all of it is seen. */
  readonly camera: string;
  /** Told, after a moment of rest, where the reader has moved it. */
  readonly onCamera: ((camera: string) => void) | undefined;
  /** Asks for a new frame. */
  readonly ask: () => void;
}

export interface Camera {
  readonly view: RefObject<ViewTransform>;
  readonly size: RefObject<{ width: number; height: number }>;
  readonly zoom: number;
  readonly fit: () => void;
  readonly zoomBy: (factor: number, x?: number, y?: number) => void;
  readonly panBy: (dx: number, dy: number) => void;
}

const rest = 250;
const below = 44;
const [least, most] = [0.02, 8];

/** Pans and zooms a drawing in its frame. */
export function useCamera({ frame, placed, camera, onCamera, ask }: CameraOptions): Camera {
  const size = useRef({ width: 0, height: 0 });
  const view = useRef<ViewTransform>({ k: 1, x: 0, y: 0 });
  const [zoom, setZoom] = useState(1);
  /** Where it is, and where the page last said that it is. */
  const chosen = useRef(camera);
  const told = useRef(camera);
  const timer = useRef(0);
  const report = useRef(onCamera);
  report.current = onCamera;

  const show = useCallback(
    (text: string): void => {
      chosen.current = text;
      const { width, height } = size.current;
      const asked = readCamera(text);
      // Seen whole, a drawing leaves room for the buttons below it.
      const room = height - (height > 350 ? below : 0);
      const k = asked?.k ?? Math.max(least, Math.min(1.15, width / placed.width, room / placed.height));
      const [x, y] = [asked?.x ?? placed.width / 2, asked?.y ?? placed.height / 2];
      view.current = { k, x: width / 2 - x * k, y: (asked ? height : room) / 2 - y * k };
      setZoom(k);
      ask();
    },
    [placed, ask],
  );
  const tell = useCallback((): void => {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      told.current = chosen.current;
      report.current?.(chosen.current);
    }, rest);
  }, []);
  const moveTo = useCallback(
    (next: ViewTransform): void => {
      view.current = next;
      chosen.current = cameraText(next, size.current);
      ask();
      tell();
    },
    [ask, tell],
  );
  const fit = useCallback((): void => {
    show('');
    tell();
  }, [show, tell]);
  const zoomBy = useCallback(
    (factor: number, x = size.current.width / 2, y = size.current.height / 2): void => {
      const { k, x: left, y: top } = view.current;
      const next = Math.min(most, Math.max(least, k * factor));
      moveTo({ k: next, x: x - ((x - left) * next) / k, y: y - ((y - top) * next) / k });
      setZoom(next);
    },
    [moveTo],
  );
  const panBy = useCallback(
    (dx: number, dy: number): void => moveTo({ ...view.current, x: view.current.x + dx, y: view.current.y + dy }),
    [moveTo],
  );

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const measure = (): boolean => {
      const { clientWidth: width, clientHeight: height } = element;
      if (width === size.current.width && height === size.current.height) return false;
      size.current = { width, height };
      return true;
    };
    measure();
    show(chosen.current);
    const observer = new ResizeObserver(() => measure() && show(chosen.current));
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame, show]);
  useEffect(() => {
    if (camera === told.current) return;
    told.current = camera;
    show(camera);
  }, [camera, show]);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  return { view, size, zoom, fit, zoomBy, panBy };
}

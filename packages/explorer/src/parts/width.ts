import { type RefObject, useEffect, useState } from 'react';

/** The width of an element, followed. */
export function useWidth(box: RefObject<HTMLElement | null>, least: number): number {
  const [width, setWidth] = useState(360);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(Math.max(least, element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [box, least]);
  return width;
}

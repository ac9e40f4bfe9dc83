import { useEffect, useState } from 'react';
import { setState, setTheme, type Theme, useStore } from './state/store.js';
import { takeFiles } from './state/take.js';
import { CircuitView } from './views/circuit.js';
import { CompareView } from './views/compare.js';
import { DistributionView } from './views/distribution.js';
import { HomeView, OpenButton } from './views/home.js';
import { RunView } from './views/run.js';

export function App(): React.JSX.Element {
  const place = useStore((state) => state.place);
  const theme = useStore((state) => state.theme);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <>
      <button
        type="button"
        className="skip"
        onClick={() => {
          const main = document.querySelector('main');
          main?.setAttribute('tabindex', '-1');
          main?.focus();
        }}
      >
        To the content
      </button>
      <nav className="bar">
        <a className="brand" href="#/">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M16 27C16 17 7 17 7 6M16 27c0-10 9-10 9-21M16 27V6" />
            <circle cx="16" cy="26" r="4" />
          </svg>
          Filigree
        </a>
        <span className="bar-end">
          <OpenButton />
          <ThemeButton theme={theme} />
        </span>
      </nav>
      <Messages />
      {place.view === 'home' ? <HomeView /> : null}
      {place.view === 'circuit' ? <CircuitView /> : null}
      {place.view === 'compare' ? <CompareView ids={place.ids} /> : null}
      {place.view === 'distribution' ? <DistributionView place={place} key={place.ids[0]} /> : null}
      {place.view === 'run' ? <RunView id={place.ids[0] ?? ''} /> : null}
      <DropZone />
    </>
  );
}

const themes: readonly Theme[] = ['auto', 'light', 'dark'];

function ThemeButton({ theme }: { readonly theme: Theme }): React.JSX.Element {
  return (
    <button
      type="button"
      className="quiet"
      onClick={() => setTheme(themes[(themes.indexOf(theme) + 1) % themes.length])}
      title="Light, dark, or as the system says"
    >
      {theme === 'auto' ? 'System theme' : theme === 'light' ? 'Light' : 'Dark'}
    </button>
  );
}

/** What went wrong, what has happened, and what is under way. */
function Messages(): React.JSX.Element {
  const problem = useStore((state) => state.problem);
  const notice = useStore((state) => state.notice);
  const job = useStore((state) => state.job);
  const share = job?.state && job.state.total > 0 ? job.state.done / job.state.total : null;
  return (
    <div className="messages">
      {problem ? (
        <div className="problem" role="alert">
          <span>{problem}</span>
          <button type="button" onClick={() => setState({ problem: '' })} aria-label="Close the message">
            {'\u00d7'}
          </button>
        </div>
      ) : null}
      <div aria-live="polite">{notice ? <div className="notice">{notice}</div> : null}</div>
      {job ? (
        <div className="job">
          <span>
            {job.what}
            {job.state ? `: ${job.state.done.toFixed(0)} of ${job.state.total} ${job.state.unit}` : '\u2026'}
          </span>
          <progress value={share ?? undefined} max={1} />
          <button type="button" onClick={job.cancel}>
            Cancel
          </button>
        </div>
      ) : null}
    </div>
  );
}

/** Takes what is dropped anywhere. */
function DropZone(): React.JSX.Element | null {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const drag = (event: DragEvent): void => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      setOver(false);
      if (event.dataTransfer) void droppedFiles(event.dataTransfer).then(takeFiles);
    };
    window.addEventListener('dragover', drag);
    window.addEventListener('dragleave', leave);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragover', drag);
      window.removeEventListener('dragleave', leave);
      window.removeEventListener('drop', drop);
    };
  }, []);
  return over ? <div className="drop">Drop it anywhere</div> : null;
}

/** Files of a drop by path, those inside folders too. */
async function droppedFiles(transfer: DataTransfer): Promise<Map<string, File>> {
  const found = new Map<string, File>();
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) for (const file of transfer.files) found.set(file.name, file);
  const walk = async (entry: FileSystemEntry, path: string): Promise<void> => {
    if (found.size > 2000) return;
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      found.set(path, file);
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const inner = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (inner.length === 0) return;
      for (const child of inner) await walk(child, `${path}/${child.name}`);
    }
  };
  for (const entry of entries) await walk(entry, entry.name);
  return found;
}

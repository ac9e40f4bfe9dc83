import { createRoot } from 'react-dom/client';
import { App } from './app.js';
import { startLive } from './state/live.js';
import { refreshItems } from './state/store.js';
import './style.css';

const root = document.getElementById('page');
if (root) createRoot(root).render(<App />);
void refreshItems();
startLive();

import { createRoot } from 'react-dom/client';
import { App } from './app.js';
import { startLive } from './state/live.js';
import { refreshItems } from './state/store.js';
import './style/base.css';
import './style/controls.css';
import './style/frame.css';
import './style/home.css';
import './style/graph.css';
import './style/plots.css';
import './style/lists.css';
import './style/ask.css';
import './style/distribution.css';
import './style/narrow.css';

const root = document.getElementById('page');
if (root) createRoot(root).render(<App />);
void refreshItems();
startLive();

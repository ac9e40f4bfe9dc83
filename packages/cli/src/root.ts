import { fileURLToPath } from 'node:url';

/** The project's folder, where its own models are. The bundled command lies as deep in it as this file. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

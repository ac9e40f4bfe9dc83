import type { Claim } from './claim.js';
import { eapIgClaim } from './discovery/eap-ig.js';
import { relpClaim } from './discovery/relp.js';
import { tdiClaim } from './probabilistic/tdi.js';

/** Every claim, in the order in which they are listed. */
export const claims: readonly Claim[] = [eapIgClaim, relpClaim, tdiClaim];

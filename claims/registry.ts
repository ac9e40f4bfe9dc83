import type { Claim } from './claim.js';
import { eapIgClaim } from './discovery/eap-ig.js';
import { relpClaim } from './discovery/relp.js';

/** Every claim, in the order in which they are listed. */
export const claims: readonly Claim[] = [eapIgClaim, relpClaim];

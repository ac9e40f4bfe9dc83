import type { Claim } from './claim.js';
import { eapIgClaim } from './discovery/eap-ig.js';
import { relpClaim } from './discovery/relp.js';
import { nervaClaim } from './sparse/nerva.js';
import { pixelflyClaim } from './sparse/pixelfly.js';
import { sparsepropClaim } from './sparse/sparseprop.js';
import { stenClaim } from './sparse/sten.js';

/** Every claim, in the order in which they are listed. */
export const claims: readonly Claim[] = [eapIgClaim, relpClaim, nervaClaim, pixelflyClaim, sparsepropClaim, stenClaim];

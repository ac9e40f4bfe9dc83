"""Times EAP-IG of all edges in vectorised PyTorch, from ids to the matrix of scores (two forward passes that record,
then a forward and a backward pass per integration step, then one product for the scores), in f32.

    python3 attribution_bench.py MODEL PAIRS.jsonl [--threads 1] [--steps 5] [--repeats 7]

Prints JSON: {"what", "torch", "threads", "steps", "pairs", "length", "edges", "seconds" (best variant's median),
"variant", "variants": {name: {"median", "fastest"}}}. Variants, each warmed up first:
    split    every destination reads its own copy of the residual stream; a pass per integration step
    folded   (RMS norm only) an ordinary forward and backward pass; the gradient of a head's own copy follows from that
             of its queries by the projection and the norm's closed-form backward rule, after the steps are summed
and -batched: the integration steps as one larger batch.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F

from attribution import Task, read_rows
from split_model import SplitModel


class FoldedTask(Task):
    """The same scores for the Llama family without a copy of the residual per head in the passes themselves."""

    def forward(self, x, keep):
        """Ordinary forward pass of all heads together; keep(kind, i, residual, tensor) sees what is read."""
        model, n, length = self.model, x.shape[0], x.shape[1]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        for i, block in enumerate(model.blocks):
            normed, parts = block["norm1"](x), []
            for letter, (weight, bias) in zip("qkv", block["qkv"]):
                heads, size, _ = weight.shape
                part = F.linear(normed, weight.flatten(0, 1), None if bias is None else bias.flatten())
                part = part.reshape(n, length, heads, size)
                keep(letter, i, x, part)
                parts.append(part.transpose(1, 2))
            q, k, v = model.rotate(parts[0]), model.rotate(parts[1]), parts[2]
            z = ((q @ k.transpose(2, 3)) * q.shape[3] ** -0.5).masked_fill(future, -torch.inf).softmax(-1) @ v
            z = z.transpose(1, 2)
            keep("z", i, x, z)
            x = x + F.linear(z.flatten(2), block["out"].transpose(0, 1).flatten(1), block["out_bias"])
            read = x.view_as(x)
            keep("m", i, x, read)
            y = block["mlp"](block["norm2"](read))
            keep("write", i, x, y)
            x = x + y
        x = x.view_as(x)
        keep("logits", len(model.blocks), x, x)
        times = n // self.pairs.count
        return F.linear(model.final(x[torch.arange(n), self.pairs.last.repeat(times)]), model.unembed)

    def record(self, x):
        written = [x[:, :, None]]

        def keep(kind, i, _, value):
            if kind == "z":
                written.append(torch.einsum("nthk,hdk->nthd", value, self.model.blocks[i]["out"]))
            elif kind == "write":
                written.append(value[:, :, None])

        logits = self.forward(x, keep)
        return self.metric(logits).mean().item(), torch.cat(written, 2)

    def attribute(self, method="eap-ig", rule="right", steps=5, batched=False):
        """Reader by reader, without making any head's gradient of width D before the steps are summed."""
        alphas = self.alphas(rule, steps)
        starts = [self.x_corrupt + a * (self.x - self.x_corrupt) for a in alphas]
        starts = [torch.cat(starts)] if batched else starts
        diff, sums, fixes = self.y_corrupt - self.y, {}, {}
        for start in starts:
            self.accumulate(start, diff, sums, fixes)
        scores, r = torch.zeros(self.graph.exists.shape), 0
        for (kind, i), total in sums.items():
            known = self.known(kind, i)
            if kind in "qkv":
                block = self.model.blocks[i]
                total = torch.einsum("bthk,hkd->bthd", total, block["qkv"]["qkv".index(kind)][0] * block["gain1"])
            scores[:known, r : r + total.shape[2]] = torch.einsum("btwd,bthd->wh", diff[:, :, :known], total)
            if kind in "qkv":
                scores[:known, r : r + total.shape[2]] -= fixes[kind, i]
            r += total.shape[2]
        return scores / (steps * self.pairs.count)

    def known(self, kind, i):
        """How many sources a reader of layer i sees."""
        return 1 + i * (self.model.heads + 1) + (self.model.heads if kind == "m" else 0)

    def accumulate(self, x, diff, sums, fixes):
        """Adds a run's gradients. With s = 1/rms(x), u = s x and p = W (gain * u), the norm's backward rule gives the
        gradient at a head's copy of x as s (gain * W^T dp) - u s <dp, p> / D: the first part is linear in s dp, which
        is summed over runs; the second meets the differences of the sources through <diff, u>."""
        kept = []

        def keep(kind, i, residual, value):
            if kind in ("q", "k", "v", "m", "logits"):
                value.retain_grad()
                kept.append((kind, i, residual.detach(), value))

        count = self.pairs.count
        times, width = x.shape[0] // count, x.shape[2]
        self.metric(self.forward(x.detach().requires_grad_(), keep)).sum().backward()
        with torch.no_grad():
            for kind, i, residual, value in kept:
                grad = value.grad
                if kind in ("m", "logits"):
                    part = grad[:, :, None]
                else:
                    block = self.model.blocks[i]
                    scale = torch.rsqrt(residual.square().mean(-1, keepdim=True) + block["eps"])
                    part = grad * scale[..., None]
                    bias = block["qkv"]["qkv".index(kind)][1]
                    product = value if bias is None else value - bias
                    along = ((part * product).sum(-1) / width).reshape(times, -1, grad.shape[2])
                    if kind == "q":
                        unit = (residual * scale).reshape(times, *diff.shape[:2], width)
                        unit = unit.permute(1, 2, 3, 0)
                        met = diff[:, :, : self.known(kind, i)] @ unit
                    fix = torch.einsum("nws,snh->wh", met.flatten(0, 1), along)
                    fixes[kind, i] = fixes.get((kind, i), 0) + fix
                if times > 1:
                    part = part.reshape(times, count, *part.shape[1:]).sum(0)
                sums[kind, i] = sums[kind, i] + part if (kind, i) in sums else part


def measure(variants, model, rows, steps, repeats):
    """{name: seconds of each repeat}. The variants take turns, so that a busy moment does not fall on one alone."""
    seconds, reference = {name: [] for name in variants}, None
    for turn in range(repeats + 2):
        for name, (kind, batched) in variants.items():
            start = time.perf_counter()
            scores = kind(model, rows).attribute("eap-ig", "right", steps, batched)
            seconds[name].append(time.perf_counter() - start)
            reference = scores if reference is None else reference
            gap = (scores - reference).abs().max() / reference.abs().max()
            assert gap < 1e-4, f"{name} disagrees by {gap}"
    return {name: times[2:] for name, times in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model, rows = SplitModel(args.model, torch.float32), read_rows(args.pairs)
    kinds = {"split": Task, "folded": FoldedTask} if model.positions is None else {"split": Task}
    variants = {k + ("-batched" if b else ""): (kinds[k], b) for k in kinds for b in (False, True)}
    seconds = measure(variants, model, rows, args.steps, args.repeats)
    variants = {name: {"median": statistics.median(s), "fastest": min(s)} for name, s in seconds.items()}
    best = min(variants, key=lambda name: variants[name]["median"])
    print(json.dumps({
        "what": "EAP-IG", "torch": torch.__version__, "threads": args.threads, "steps": args.steps,
        "pairs": len(rows), "length": max(len(row["clean_ids"]) for row in rows), "edges": len(model.graph.edges),
        "seconds": variants[best]["median"], "variant": best, "variants": variants,
    }))


if __name__ == "__main__":
    main()

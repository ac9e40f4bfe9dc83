"""Times EAP-IG of all edges in vectorised PyTorch, from ids to the matrix of scores (two forward passes that record,
then a forward and a backward pass per integration step, then one product for the scores), in f32.

    python3 attribution_bench.py MODEL PAIRS.jsonl [--threads 1] [--steps 5] [--repeats 7]

Prints JSON: {"what", "torch", "threads", "steps", "pairs", "length", "edges", "seconds" (best variant's median),
"variant", "variants": {name: {"median", "fastest"}}}. Variants, each warmed up first:
    split    every destination reads its own copy of the residual stream; a pass per integration step
    folded   queries, keys and values of all heads are one product on one normed residual; the gradient of a head's own
             copy is made from the gradient of its queries by the projection and the norm's closed-form backward rule
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
        """Ordinary forward pass of all heads together; keep(kind, block, residual, tensor) sees what is read."""
        model, n, length = self.model, x.shape[0], x.shape[1]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        for block in model.blocks:
            normed, parts = block["norm1"](x), []
            for letter, (weight, bias) in zip("qkv", block["qkv"]):
                heads, size, _ = weight.shape
                part = F.linear(normed, weight.flatten(0, 1), None if bias is None else bias.flatten())
                part = part.reshape(n, length, heads, size)
                keep(letter, block, x, part)
                parts.append(part.transpose(1, 2))
            q, k, v = model.rotate(parts[0]), model.rotate(parts[1]), parts[2]
            z = ((q @ k.transpose(2, 3)) * q.shape[3] ** -0.5).masked_fill(future, -torch.inf).softmax(-1) @ v
            z = z.transpose(1, 2)
            keep("z", block, x, z)
            x = x + F.linear(z.flatten(2), block["out"].transpose(0, 1).flatten(1), block["out_bias"])
            read = x.view_as(x)
            keep("m", block, x, read)
            y = block["mlp"](block["norm2"](read))
            keep("write", block, x, y)
            x = x + y
        keep("logits", None, x, x)
        times = n // self.pairs.count
        return F.linear(model.final(x[torch.arange(n), self.pairs.last.repeat(times)]), model.unembed)

    def record(self, x):
        written = [x[:, :, None]]

        def keep(kind, block, _, value):
            if kind == "z":
                written.append(torch.einsum("nthk,hdk->nthd", value, block["out"]))
            elif kind == "write":
                written.append(value[:, :, None])

        logits = self.forward(x, keep)
        return self.metric(logits).mean().item(), torch.cat(written, 2)

    def gradients(self, x):
        kept = []

        def keep(kind, block, residual, value):
            if kind in "qkvm" or kind == "logits":
                value.retain_grad()
                kept.append((kind, block, residual.detach(), value))

        times = x.shape[0] // self.pairs.count
        self.metric(self.forward(x.detach().requires_grad_(), keep)).sum().backward()
        grads = []
        with torch.no_grad():
            for kind, block, residual, value in kept:
                if kind not in ("q", "k", "v"):
                    grads.append(value.grad[:, :, None])
                    continue
                weight = block["qkv"]["qkv".index(kind)][0] * block["gain1"]
                g = torch.einsum("nthk,hkd->nthd", value.grad, weight)
                scale = torch.rsqrt(residual.square().mean(-1, keepdim=True) + block["eps"])
                unit = (residual * scale)[:, :, None]
                grads.append((g - unit * ((g @ unit.transpose(2, 3)) / unit.shape[3])) * scale[:, :, None])
        grads = torch.cat(grads, 2)
        return grads if times == 1 else grads.reshape(times, -1, *grads.shape[1:]).sum(0)


def measure(kind, model, rows, steps, batched, repeats):
    """(scores, seconds of each repeat)"""
    seconds = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        scores = kind(model, rows).attribute("eap-ig", "right", steps, batched)
        seconds.append(time.perf_counter() - start)
    return scores, seconds[2:]


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
    variants, reference = {}, None
    for name, kind in kinds.items():
        for batched in (False, True):
            scores, seconds = measure(kind, model, rows, args.steps, batched, args.repeats)
            reference = scores if reference is None else reference
            gap = (scores - reference).abs().max() / reference.abs().max()
            assert gap < 1e-3, f"{name} disagrees by {gap}"
            variants[name + ("-batched" if batched else "")] = {
                "median": statistics.median(seconds), "fastest": min(seconds),
            }
    best = min(variants, key=lambda name: variants[name]["median"])
    print(json.dumps({
        "what": "EAP-IG", "torch": torch.__version__, "threads": args.threads, "steps": args.steps,
        "pairs": len(rows), "length": max(len(row["clean_ids"]) for row in rows), "edges": len(model.graph.edges),
        "seconds": variants[best]["median"], "variant": best, "variants": variants,
    }))


if __name__ == "__main__":
    main()

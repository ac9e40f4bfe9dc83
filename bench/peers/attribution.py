"""EAP, EAP-IG on inputs, exact edge patching and paired-patching evaluation, vectorised in PyTorch: the second opinion
on the project's attribution figures.

    python3 attribution.py MODEL PAIRS.jsonl [--method eap|eap-ig|exact] [--rule right|left|mid] [--steps 5]
                           [--out SCORES.json] [--sizes 10,20] [--f32] [--self-check]

PAIRS.jsonl has rows {"clean_ids", "corrupt_ids", "answer_id", "wrong_id"}; answers may be lists. The metric is the mean
logit of the answers minus the mean logit of the wrong ones at the last position, averaged over pairs. The score of an
edge is the estimated change of the metric when that edge takes its corrupted value, so helpful edges are negative.
"""
import argparse
import json

import torch

from checkpoint import write_json
from split_model import SplitModel


class Pairs:
    """Rows as tensors: ids padded on the right (causal attention keeps padding from mattering), answers as weights."""

    def __init__(self, rows, vocab, dtype):
        length = max(len(row["clean_ids"]) for row in rows)
        for i, row in enumerate(rows):
            if len(row["clean_ids"]) != len(row["corrupt_ids"]):
                raise SystemExit(f"row {i + 1}: clean and corrupted ids differ in length")
        self.count = len(rows)
        self.clean = torch.tensor([row["clean_ids"] + [0] * (length - len(row["clean_ids"])) for row in rows])
        self.corrupt = torch.tensor([row["corrupt_ids"] + [0] * (length - len(row["corrupt_ids"])) for row in rows])
        self.last = torch.tensor([len(row["clean_ids"]) - 1 for row in rows])
        self.weight = torch.zeros(len(rows), vocab, dtype=dtype)
        for i, row in enumerate(rows):
            for key, sign in (("answer_id", 1), ("wrong_id", -1)):
                ids = row[key] if isinstance(row[key], list) else [row[key]]
                for token in ids:
                    self.weight[i, token] += sign / len(ids)


class Task:
    """A model and its pairs, with the clean and corrupted runs kept: y, y_corrupt [B, T, W, D]."""

    def __init__(self, model, rows):
        self.model, self.graph = model, model.graph
        self.pairs = Pairs(rows, model.unembed.shape[0], model.dtype)
        with torch.no_grad():
            self.x, self.x_corrupt = model.embed(self.pairs.clean), model.embed(self.pairs.corrupt)
            self.clean, self.y = self.record(self.x)
            self.corrupt, self.y_corrupt = self.record(self.x_corrupt)

    def metric(self, logits):
        """[times * B, V] -> [times, B]."""
        times = logits.shape[0] // self.pairs.count
        return (logits * self.pairs.weight.repeat(times, 1)).sum(-1).reshape(times, -1)

    def record(self, x):
        """(mean metric, what every source wrote [B, T, W, D])."""
        written = []
        logits = self.model.run(x, self.pairs.last, write=written.append)
        return self.metric(logits).mean().item(), torch.cat(written, 2)

    def gradients(self, x):
        """d (sum of metrics) / d (what each destination reads) on runs that start from x [times * B, T, D];
        summed over the runs of a pair: [B, T, R, D]."""
        copies = []

        def read(r, count, x):
            copy = x[:, :, None].expand(-1, -1, count, -1)
            copy.retain_grad()
            copies.append(copy)
            return copy

        times = x.shape[0] // self.pairs.count
        logits = self.model.run(x.detach().requires_grad_(), self.pairs.last.repeat(times), read)
        self.metric(logits).sum().backward()
        grads = torch.cat([copy.grad for copy in copies], 2)
        return grads if times == 1 else grads.reshape(times, -1, *grads.shape[1:]).sum(0)

    def alphas(self, rule, steps):
        shift = {"right": 1.0, "left": 0.0, "mid": 0.5}[rule]
        return [(k + shift) / steps for k in range(steps)]

    def attribute(self, method="eap-ig", rule="right", steps=5, batched=False):
        """Scores [W, R] of all edges from one matrix product; impossible edges are zero."""
        alphas = [1.0] if method == "eap" else self.alphas(rule, steps)
        starts = [self.x_corrupt + a * (self.x - self.x_corrupt) for a in alphas]
        if batched:
            grads = self.gradients(torch.cat(starts))
        else:
            grads = sum(self.gradients(start) for start in starts)
        scores = torch.einsum("btwd,btrd->wr", self.y_corrupt - self.y, grads)
        return scores / (len(alphas) * self.pairs.count) * self.graph.exists

    def patched(self, cut, start=None):
        """Metrics [times, B] with the edges cut[times, W, R] carrying their corrupted value. Fractions cut in part."""
        times, count = cut.shape[0], self.pairs.count
        cut = cut.to(self.model.dtype)
        there = self.y_corrupt
        missing = []

        def write(y):
            known = sum(part.shape[3] for part in missing)
            shaped = y.reshape(times, count, *y.shape[1:])
            missing.append(there[None, :, :, known : known + y.shape[2]] - shaped)

        def read(r, count, x):
            delta = torch.cat(missing, 3)
            extra = torch.einsum("sbtwd,swr->sbtrd", delta, cut[:, : delta.shape[3], r : r + count])
            return x[:, :, None] + extra.flatten(0, 1)

        with torch.no_grad():
            x = (self.x if start is None else start).repeat(times, 1, 1)
            return self.metric(self.model.run(x, self.pairs.last.repeat(times), read, write))

    def evaluate(self, kept):
        """Mean metric of the circuit that keeps these edges, (w, r) each, and cuts all others."""
        cut = self.graph.exists.to(self.model.dtype)
        for w, r in kept:
            cut[w, r] = 0
        return self.patched(cut[None]).mean().item()

    def exact(self, edges, chunk=32):
        """Change of the mean metric when one edge alone is cut, for each edge."""
        out = []
        for at in range(0, len(edges), chunk):
            part = edges[at : at + chunk]
            cut = torch.zeros(len(part), *self.graph.exists.shape)
            for i, (w, r) in enumerate(part):
                cut[i, w, r] = 1
            out += (self.patched(cut).mean(1) - self.clean).tolist()
        return out

    def largest(self, scores, n):
        """The n edges of largest |score|, largest first."""
        return sorted(self.graph.edges, key=lambda e: -abs(scores[e[0], e[1]].item()))[:n]


def self_check(task, log=print):
    """Every identity that needs no second implementation. Raises where one fails. Wants f64."""
    graph, model = task.graph, task.model
    exists = graph.exists.to(model.dtype)
    gap = (task.patched(exists[None]) - task.metric(model.run(task.x_corrupt, task.pairs.last))).abs().max().item()
    log(f"all edges cut against the corrupted run: {gap:.1e}")
    assert gap < 1e-10
    gap = abs(task.patched(torch.zeros_like(exists)[None]).mean().item() - task.clean)
    log(f"no edge cut against the clean run: {gap:.1e}")
    assert gap < 1e-10
    change = task.corrupt - task.clean
    for steps in (5, 20, 100):
        total = task.attribute("eap-ig", "mid", steps)[0].sum().item()
        log(f"completeness, {steps} midpoints: {total:.6f} of {change:.6f} ({abs(total / change - 1):.1e})")
    assert abs(total / change - 1) < 0.01
    scores = task.attribute("eap")
    probes = task.largest(scores, 6) + graph.edges[:: max(1, len(graph.edges) // 10)]
    worst, h = 0.0, 1e-4
    for w, r in probes:
        cut = torch.zeros(2, *exists.shape, dtype=model.dtype)
        cut[0, w, r], cut[1, w, r] = h, -h
        up, down = task.patched(cut).mean(1).tolist()
        worst = max(worst, abs((up - down) / (2 * h) - scores[w, r].item()))
    log(f"EAP against finite differences of a partial cut, {len(probes)} edges: {worst:.1e}")
    assert worst < 1e-6 * scores.abs().max()


def scores_file(task, scores, method):
    cells = [[s if ok else None for s, ok in zip(*row)] for row in zip(scores.tolist(), task.graph.exists.tolist())]
    return {
        "sources": task.graph.sources, "destinations": task.graph.destinations, "scores": cells,
        "metric": {"clean": task.clean, "corrupt": task.corrupt}, "method": method,
    }


def read_rows(path):
    with open(path) as f:
        return [json.loads(line) for line in f if line.strip()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("--method", choices=("eap", "eap-ig", "exact"), default="eap-ig")
    parser.add_argument("--rule", choices=("right", "left", "mid"), default="right")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--out")
    parser.add_argument("--sizes", default="", help="also evaluate the n largest edges, for each n")
    parser.add_argument("--f32", action="store_true")
    parser.add_argument("--self-check", action="store_true")
    args = parser.parse_args()
    task = Task(SplitModel(args.model, torch.float32 if args.f32 else torch.float64), read_rows(args.pairs))
    print(f"{len(task.graph.edges)} edges, clean {task.clean:.6f}, corrupted {task.corrupt:.6f}")
    if args.self_check:
        self_check(task)
    if args.method == "exact":
        scores = torch.zeros(task.graph.exists.shape, dtype=torch.float64)
        for (w, r), value in zip(task.graph.edges, task.exact(task.graph.edges)):
            scores[w, r] = value
    else:
        scores = task.attribute(args.method, args.rule, args.steps)
    for size in filter(None, args.sizes.split(",")):
        value = task.evaluate(task.largest(scores, int(size)))
        share = (value - task.corrupt) / (task.clean - task.corrupt)
        print(f"{size} edges: metric {value:.6f}, faithfulness {share:.4f}")
    if args.out:
        write_json(args.out, scores_file(task, scores, args.method))


if __name__ == "__main__":
    main()

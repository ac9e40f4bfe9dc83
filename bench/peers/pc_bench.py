"""Times of PyTorch for one step of EM of a hidden Chow-Liu tree, as JSON on standard output, in seconds.

    python3 pc_bench.py STRUCTURE.json ROWS.bin [--threads 1]

STRUCTURE.json: {"parent": [...], "order": [...], "latents": K, "batch": rows per step}; ROWS.bin: bytes, `batch` rows of one 0 or 1 for
each variable. Both ways are dense and in logarithms, all regions of one depth at a time. `logsumexp` is the definition, differentiated
by autograd: K * K exponentials a region and row. `matmul` takes out the largest of each row, multiplies matrices, and has its flows
written by hand: what a careful user of PyTorch would do. A step is forward, flows and new weights.
"""
import argparse
import json
import time

import torch


def best(work, seconds):
    for _ in range(2):
        work()
    fastest, start = float("inf"), time.perf_counter()
    while time.perf_counter() - start < seconds:
        t = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - t)
    return fastest


class Tree:
    def __init__(self, parent, order, latents, x):
        n = len(parent)
        depth = [0] * n
        children = [0] * n
        for v in order:
            if parent[v] >= 0:
                depth[v] = depth[parent[v]] + 1
                children[parent[v]] += 1
        self.root = order[0]
        self.parent = torch.tensor(parent)
        inner = [v for v in range(n) if children[v] > 0 or v == self.root]
        self.levels = [torch.tensor([v for v in inner if depth[v] == d], dtype=torch.long) for d in range(max(depth) + 1)]
        self.levels = [level for level in self.levels if len(level)]
        self.leaves = torch.tensor([v for v in range(n) if v not in set(inner)], dtype=torch.long)
        torch.manual_seed(1)
        share = lambda *shape: (0.6 + 0.8 * torch.rand(*shape))
        self.weight = share(n, latents, latents)
        self.weight /= self.weight.sum(2, keepdim=True)
        self.start = torch.full((latents,), 1 / latents)
        self.table = share(n, latents, 2)
        self.table /= self.table.sum(2, keepdim=True)
        self.x = x.t().contiguous()
        self.one = self.x.float()

    def messages(self, emission, mix):
        """Products of every inner node, and what each sends up; `mix(nodes, products)` is the sum layer."""
        gathered = emission.clone() if not emission.requires_grad else emission
        kept = []
        if len(self.leaves):
            gathered = gathered.index_add(0, self.parent[self.leaves], emission[self.leaves])
        for level in reversed(self.levels[1:]):
            products = gathered[level]
            sent = mix(level, products)
            kept.append((level, products, sent))
            gathered = gathered.index_add(0, self.parent[level], sent)
        return gathered[self.root], kept

    def emission(self, table):
        log = table.log()
        return torch.where(self.x.bool()[:, None, :], log[:, :, 1:2], log[:, :, 0:1])

    def update(self, weights, start, table):
        self.weight = 0.9 * self.weight + 0.1 * (weights + 0.05 / weights.shape[2]) / (weights.sum(2, keepdim=True) + 0.05)
        self.start = 0.9 * self.start + 0.1 * (start + 0.05 / len(start)) / (start.sum() + 0.05)
        self.table = 0.9 * self.table + 0.1 * (table + 0.025) / (table.sum(2, keepdim=True) + 0.05)

    def logsumexp(self):
        weight, start, table = (p.log().requires_grad_() for p in (self.weight, self.start, self.table))
        log = torch.where(self.x.bool()[:, None, :], table[:, :, 1:2], table[:, :, 0:1])
        mix = lambda level, products: torch.logsumexp(weight[level][:, :, :, None] + products[:, None, :, :], 2)
        root, _ = self.messages(log, mix)
        total = torch.logsumexp(start[:, None] + root, 0).sum()
        total.backward()
        with torch.no_grad():
            self.update(weight.grad, start.grad, table.grad)
        return total.item()

    def matmul(self):
        with torch.no_grad():
            emission = self.emission(self.table)
            parts = {}

            def mix(level, products):
                most = products.max(1, keepdim=True).values
                e = (products - most).exp()
                y = torch.bmm(self.weight[level], e)
                parts[len(parts)] = (level, e, y)
                return y.log() + most

            root, _ = self.messages(emission, mix)
            joint = self.start.log()[:, None] + root
            total = torch.logsumexp(joint, 0)
            flow = torch.zeros_like(emission)
            flow[self.root] = (joint - total).exp()
            counts = torch.zeros_like(self.weight)
            for level, e, y in reversed(list(parts.values())):
                ratio = flow[self.parent[level]] / y
                counts[level] = self.weight[level] * torch.bmm(ratio, e.transpose(1, 2))
                flow[level] = e * torch.bmm(self.weight[level].transpose(1, 2), ratio)
            if len(self.leaves):
                flow[self.leaves] = flow[self.parent[self.leaves]]
            ones = torch.bmm(flow, self.one[:, :, None])[:, :, 0]
            table = torch.stack([flow.sum(2) - ones, ones], 2)
            self.update(counts, flow[self.root].sum(1), table)
            return total.sum().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("structure")
    parser.add_argument("rows")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with open(options.structure) as f:
        s = json.load(f)
    with open(options.rows, "rb") as f:
        x = torch.frombuffer(bytearray(f.read()), dtype=torch.uint8).view(s["batch"], len(s["parent"]))
    make = lambda: Tree(s["parent"], s["order"], s["latents"], x)
    # Both must compute the same.
    a, b = make(), make()
    first, second = a.logsumexp(), b.matmul()
    assert abs(first - second) < 1e-3 * abs(first), (first, second)
    assert (a.weight - b.weight).abs().max() < 1e-3
    tree = make()
    print(json.dumps({"logsumexp": best(tree.logsumexp, options.seconds), "matmul": best(tree.matmul, options.seconds), "first": second}))


main()

"""Times of PyTorch for the sparse rows of the benchmark, as JSON on standard output, in seconds.

    python3 sparse_bench.py [--threads 1]

`step`: forward, backward and an SGD-momentum update of one 1024x1024 layer with a mask at batch 128, the loss being half the
sum of squares of the output; weights and momentum stay masked. `infer`: one sample through a 2048x2048 layer, dense and csr
at 87.5 %. `product`: csr and dense times a batch of 128 for a 1024x1024 weight at 10 %.
"""
import argparse
import json
import time

import torch


def best(work, seconds=1.0):
    for _ in range(3):
        work()
    fastest, start = float("inf"), time.perf_counter()
    while time.perf_counter() - start < seconds:
        t = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - t)
    return fastest


def step(sparsity, size=1024, batch=128, lr=0.01, momentum=0.9):
    torch.manual_seed(1)
    mask = (torch.rand(size, size) >= sparsity).float()
    weight = (torch.randn(size, size) * 0.03 * mask).requires_grad_()
    x = torch.randn(batch, size, requires_grad=True)
    velocity = torch.zeros(size, size)

    def work():
        weight.grad = x.grad = None
        y = torch.nn.functional.linear(x, weight * mask)
        (0.5 * (y * y).sum()).backward()
        with torch.no_grad():
            velocity.mul_(momentum).add_(weight.grad)
            weight.add_(velocity, alpha=-lr * 1e-6)

    return best(work)


def infer(density=0.125, size=2048):
    torch.manual_seed(1)
    weight = torch.randn(size, size) * (torch.rand(size, size) < density)
    x = torch.randn(size)
    csr = weight.to_sparse_csr()
    column = x[:, None]
    with torch.no_grad():
        return {"dense": best(lambda: weight @ x), "csr": best(lambda: csr @ column)}


def product(density=0.1, size=1024, batch=128):
    torch.manual_seed(1)
    weight = torch.randn(size, size) * (torch.rand(size, size) < density)
    x = torch.randn(size, batch)
    csr = weight.to_sparse_csr()
    with torch.no_grad():
        return {"dense": best(lambda: weight @ x), "csr": best(lambda: csr @ x)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    steps = {str(s): step(s) for s in (0.6, 0.9, 0.95, 0.99)}
    print(json.dumps({"step": steps, "infer": infer(), "product": product()}))

"""Times of PyTorch for the sparse rows of the benchmark, as JSON on standard output, in seconds.

    python3 sparse_bench.py [--threads 1]

`step`: forward, backward and an SGD-momentum update of one 1024x1024 layer with a mask at batch 128, the loss being half the
sum of squares of the output; weights and momentum stay masked. `infer`: one sample through a 2048x2048 layer, dense and csr
at 87.5 %, and SciPy's csr; `srigl`: the same for 3072 -> 768 at 90 %. `sparseprop`: forward and backward of a dense 768 -> 3072 layer at batch 2048. `mlp`: one step of N-1024-512-10
with masks at 99 %, batch 100, cross-entropy, SGD with momentum.
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


def infer(density=0.125, rows=2048, columns=2048):
    torch.manual_seed(1)
    weight = torch.randn(rows, columns) * (torch.rand(rows, columns) < density)
    x = torch.randn(columns)
    csr = weight.to_sparse_csr()
    column = x[:, None]
    with torch.no_grad():
        times = {"dense": best(lambda: weight @ x), "csr": best(lambda: csr @ column)}
    try:
        import scipy.sparse

        matrix, vector = scipy.sparse.csr_matrix(weight.numpy()), x.numpy()
        times["scipy"] = best(lambda: matrix @ vector)
    except ImportError:
        pass
    return times


def sparseprop(inputs=768, out=3072, batch=2048):
    torch.manual_seed(1)
    weight = (torch.randn(out, inputs) * 0.03).requires_grad_()
    x = torch.randn(batch, inputs, requires_grad=True)
    g = torch.randn(batch, out)
    with torch.no_grad():
        forward = best(lambda: torch.nn.functional.linear(x, weight))
    y = torch.nn.functional.linear(x, weight)
    backward = best(lambda: torch.autograd.grad(y, (x, weight), g, retain_graph=True))
    return {"forward": forward, "backward": backward}


def mlp(inputs, sparsity=0.99, batch=100, lr=1e-4, momentum=0.9):
    torch.manual_seed(1)
    sizes = [inputs, 1024, 512, 10]
    masks = [(torch.rand(o, i) >= sparsity).float() for i, o in zip(sizes, sizes[1:])]
    weights = [(torch.randn_like(m) * 0.03 * m).requires_grad_() for m in masks]
    biases = [torch.zeros(o, requires_grad=True) for o in sizes[1:]]
    trained = weights + biases
    velocities = [torch.zeros_like(p) for p in trained]
    x, labels = torch.randn(batch, inputs), torch.randint(10, (batch,))

    def work():
        for p in trained:
            p.grad = None
        state = x
        for l, (w, m, b) in enumerate(zip(weights, masks, biases)):
            state = torch.nn.functional.linear(state, w * m, b)
            if l < 2:
                state = torch.relu(state)
        torch.nn.functional.cross_entropy(state, labels).backward()
        with torch.no_grad():
            for p, v in zip(trained, velocities):
                v.mul_(momentum).add_(p.grad)
                p.add_(v, alpha=-lr)

    return best(work)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    steps = {str(s): step(s) for s in (0.6, 0.9, 0.95, 0.99)}
    mlps = {str(n): mlp(n) for n in (784, 3072)}
    print(json.dumps({"step": steps, "infer": infer(), "srigl": infer(0.1, 768, 3072), "sparseprop": sparseprop(), "mlp": mlps}))

"""Best time, in seconds, of f32 products of the given cubes by NumPy's BLAS, as one line of JSON.

    OPENBLAS_NUM_THREADS=1 python3 openblas.py 512 1024
"""

import json
import sys
import time

import numpy as np


def best(n, seconds=0.5):
    random = np.random.default_rng(n)
    a = random.random((n, n), dtype=np.float32)
    b = random.random((n, n), dtype=np.float32)
    out = np.empty((n, n), dtype=np.float32)
    for _ in range(3):
        np.matmul(a, b, out=out)
    fastest = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        np.matmul(a, b, out=out)
        fastest = min(fastest, time.perf_counter() - start)
    return fastest


print(json.dumps({n: best(int(n)) for n in sys.argv[1:]}))

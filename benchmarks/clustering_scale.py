"""Time and memory of clustering, from the size of the article's set to a million materials.

Feature vectors are synthetic: structure types with a few per cent of scatter, of widely different abundance, in 22
columns of which a few are extensive and large. Each size runs in a process of its own, so that its peak memory is
its own.

    python benchmarks/clustering_scale.py [--sizes 1000 10000 1000000] [--scaler standard]
"""

import argparse
import json
import os
import subprocess
import sys
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.clustering import ClusteringParameters, cluster

N_FEATURES = 22
N_TYPES = 400
SCATTER = 0.05


def synthetic_features(n: int, seed: int = 0) -> NDArray[np.float64]:
    """Return n vectors scattered about structure types, the k-th of which is met in proportion to 1/k."""
    rng = np.random.default_rng(seed)
    magnitude = 10.0 ** rng.uniform(-1, 3, N_FEATURES)
    latent = rng.standard_normal((N_TYPES, 6)) @ rng.standard_normal((6, N_FEATURES))
    types = magnitude * np.exp(0.3 * latent)
    abundance = 1 / np.arange(1, N_TYPES + 1)
    drawn = rng.choice(N_TYPES, n, p=abundance / abundance.sum())
    return types[drawn] * (1 + SCATTER * rng.standard_normal((n, N_FEATURES)))


def measure(n: int, scaler: str) -> dict[str, float | int | str]:
    """Cluster n synthetic materials and return what it cost and gave."""
    features = synthetic_features(n)
    ids = [f"material-{i:07d}" for i in range(n)]
    start, cpu_start = perf_counter(), process_time()
    result = cluster(features, ids, ClusteringParameters(scaler=scaler))  # type: ignore[arg-type]
    return {
        "n": n,
        "seconds": round(perf_counter() - start, 1),
        "cpu_seconds": round(process_time() - cpu_start, 1),
        "peak_GB": round(getrusage(RUSAGE_SELF).ru_maxrss / 1024**2, 2),
        "method": result.method,
        "clusters": result.n_clusters,
        "silhouette": round(result.silhouette, 2),
        "damping": result.damping,
    }


def main() -> None:
    """Measure every size in a fresh process and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[770, 2000, 5000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--scaler", choices=["none", "standard"], default="standard")
    parser.add_argument("--one", type=int, help="measure this size here and print JSON")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.scaler)))
        return
    print(
        f"{'materials':>10} {'seconds':>8} {'CPU s':>8} {'peak GB':>8} {'clusters':>8} {'silhouette':>10}  method"
    )
    for n in arguments.sizes:
        command = [sys.executable, __file__, "--one", str(n), "--scaler", arguments.scaler]
        environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
        output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
        row = json.loads(output)
        print(
            f"{row['n']:>10} {row['seconds']:>8} {row['cpu_seconds']:>8} {row['peak_GB']:>8} "
            f"{row['clusters']:>8} {row['silhouette']:>10}  {row['method']}",
            flush=True,
        )


if __name__ == "__main__":
    main()

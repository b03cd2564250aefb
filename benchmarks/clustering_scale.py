"""Time and memory of clustering and of its assessment, and the compiled kernel against scikit-learn.

Feature vectors are synthetic: structure types with a few per cent of scatter, of widely different abundance, in 22
columns of which a few are extensive and large. Each size runs in a process of its own, so that its peak memory is
its own. Threads are those of OMP_NUM_THREADS.

    python benchmarks/clustering_scale.py [--sizes 1000 10000 1000000] [--scaler standard] [--assess]
    python benchmarks/clustering_scale.py --referee [--sizes 1000 2000 3000]
"""

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import AffinityPropagation

from mtl_flows.science.clustering import ClusteringParameters, Scaler, assess_stability, cluster
from mtl_flows.science.clustering.propagation import Similarities

N_FEATURES = 22
N_TYPES = 400
SCATTER = 0.05
TIMED_ITERATIONS = 20


def synthetic_features(n: int, seed: int = 0) -> NDArray[np.float64]:
    """Return n vectors scattered about structure types, the k-th of which is met in proportion to 1/k."""
    rng = np.random.default_rng(seed)
    magnitude = 10.0 ** rng.uniform(-1, 3, N_FEATURES)
    latent = rng.standard_normal((N_TYPES, 6)) @ rng.standard_normal((6, N_FEATURES))
    types = magnitude * np.exp(0.3 * latent)
    abundance = 1 / np.arange(1, N_TYPES + 1)
    drawn = rng.choice(N_TYPES, n, p=abundance / abundance.sum())
    return types[drawn] * (1 + SCATTER * rng.standard_normal((n, N_FEATURES)))


def measure(n: int, scaler: str, *, assess: bool) -> dict[str, Any]:
    """Cluster n synthetic materials and return what it cost and gave."""
    features = synthetic_features(n)
    ids = [f"material-{i:07d}" for i in range(n)]
    parameters = ClusteringParameters(scaler=scaler)  # type: ignore[arg-type]
    start, cpu_start = perf_counter(), process_time()
    result = cluster(features, ids, parameters)
    row = {
        "materials": n,
        "seconds": round(perf_counter() - start, 1),
        "CPU s": round(process_time() - cpu_start, 1),
        "clusters": result.n_clusters,
        "silhouette": round(result.silhouette, 2),
        "damping": result.damping,
        "iterations": result.n_iterations,
    }
    if assess:
        start = perf_counter()
        stability = assess_stability(features, ids, parameters, whole=result)
        row |= {
            "assessed s": round(perf_counter() - start, 1),
            "subsamples": stability.n_subsamples,
            "ARI": round(stability.mean_ari, 2),
        }
    return row | {"peak GB": round(getrusage(RUSAGE_SELF).ru_maxrss / 1024**2, 2), "method": result.method}


def referee(n: int, scaler: str) -> dict[str, Any]:
    """Pass the messages of n synthetic materials by the kernel and by scikit-learn, and compare what they say."""
    features = synthetic_features(n)
    points = (Scaler.standard(features) if scaler == "standard" else Scaler.identity(N_FEATURES)).transform(
        features
    )
    matrix = -cdist(points, points, "sqeuclidean")
    preference = float(np.median(matrix))
    damping = 0.9 if n > 1000 else 0.8
    limits = {"max_iterations": 1000, "convergence_iterations": 75}
    ours = Similarities(matrix.copy(), preference, 0).settle(damping, **limits)
    theirs = _scikit_learn(matrix, preference, damping, **limits)
    return {
        "materials": n,
        "ms, kernel": round(_per_iteration(lambda most: _kernel(matrix, preference, most))),
        "ms, scikit-learn": round(
            _per_iteration(lambda most: _scikit_learn(matrix, preference, 0.5, most, most))
        ),
        "damping": damping,
        "iterations": ours.n_iterations,
        "clusters": len(ours.exemplars),
        "same exemplars": ours.exemplars.tolist() == list(theirs.cluster_centers_indices_),
        "same labels": ours.labels.tolist() == theirs.labels_.tolist(),
        "same iterations": ours.n_iterations == theirs.n_iter_,
    }


def _kernel(matrix: NDArray[np.float64], preference: float, iterations: int) -> None:
    Similarities(matrix.copy(), preference, 0).settle(
        0.5, max_iterations=iterations, convergence_iterations=iterations
    )


def _scikit_learn(
    matrix: NDArray[np.float64],
    preference: float,
    damping: float,
    max_iterations: int,
    convergence_iterations: int,
) -> AffinityPropagation:
    model = AffinityPropagation(
        affinity="precomputed",
        preference=preference,
        damping=damping,
        max_iter=max_iterations,
        convergence_iter=convergence_iterations,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(matrix)


def _per_iteration(run: Callable[[int], object]) -> float:
    """Milliseconds of one iteration: the best of three long runs less the best of three short ones."""
    best = {2: np.inf, 2 + TIMED_ITERATIONS: np.inf}
    for _ in range(3):
        for iterations in best:
            start = perf_counter()
            run(iterations)
            best[iterations] = min(best[iterations], perf_counter() - start)
    short, long = best.values()
    return 1e3 * (long - short) / TIMED_ITERATIONS


def main() -> None:
    """Measure every size in a fresh process and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[770, 2000, 5000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--scaler", choices=["none", "standard"], default="standard")
    parser.add_argument("--assess", action="store_true", help="assess the stability as well")
    parser.add_argument("--referee", action="store_true", help="kernel against scikit-learn")
    parser.add_argument("--one", type=int, help="measure this size here and print JSON")
    arguments = parser.parse_args()
    if arguments.one and arguments.referee:
        print(json.dumps(referee(arguments.one, arguments.scaler)))
        return
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.scaler, assess=arguments.assess)))
        return
    flags = [f"--{name}" for name in ("assess", "referee") if getattr(arguments, name)]
    for number, n in enumerate(arguments.sizes):
        command = [sys.executable, __file__, "--one", str(n), "--scaler", arguments.scaler, *flags]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        row = json.loads(output) | {"load": round(os.getloadavg()[0], 1)}
        if number == 0:
            print("  ".join(f"{name:>10}" for name in row))
        print("  ".join(f"{value!s:>{max(10, len(name))}}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()

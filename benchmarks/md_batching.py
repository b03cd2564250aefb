"""One model call for several simulations against a call for each: ``python benchmarks/md_batching.py [repeats]``.

Energies and forces by CHGNet of four configurations of one crystal, as four temperatures need them, on one thread:
each by itself, and all in one batch. In turns, medians of the processor time; 50 and 100 atoms.
"""

import sys
import time

import numpy as np
import torch
from chgnet.model import CHGNet
from md_overhead import antiperovskite

N_TOGETHER = 4


def main(repeats: int) -> None:
    """Print the ratio of both for several sizes."""
    torch.set_num_threads(1)
    model = CHGNet.load(use_device="cpu", verbose=False)
    rng = np.random.default_rng(0)
    for n_cells in (1, 2):
        structures = []
        for _ in range(N_TOGETHER):
            structure = antiperovskite() * (n_cells, 1, 1)
            for site in range(len(structure)):
                structure.translate_sites([site], rng.normal(0.0, 0.1, 3), frac_coords=False)
            structures.append(structure)
        graphs = [model.graph_converter(structure) for structure in structures]
        single_s, batch_s = [], []
        for _ in range(repeats):
            start = time.process_time()
            for graph in graphs:
                model.predict_graph(graph, task="ef")
            middle = time.process_time()
            model.predict_graph(graphs, task="ef", batch_size=N_TOGETHER)
            single_s.append(middle - start)
            batch_s.append(time.process_time() - middle)
        single_ms, batch_ms = 1e3 * np.median(single_s), 1e3 * np.median(batch_s)
        print(
            f"{len(structures[0])} atoms, {N_TOGETHER} together: "
            f"one by one {single_ms:.0f} ms, batched {batch_ms:.0f} ms, ratio {single_ms / batch_ms:.2f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)

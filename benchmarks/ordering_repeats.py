"""How often several seeds find one arrangement: ``python benchmarks/ordering_repeats.py [SEEDS]``.

Orders each disordered example crystal from every seed, and counts the crystals in which two seeds gave the same cell,
and cells of equal Ewald energy: likely one arrangement up to symmetry.
"""

import sys
import tempfile
from pathlib import Path

from mtl_flows.errors import OrderingError
from mtl_flows.report.examples import shipped_table, write_examples
from mtl_flows.science.ordering import OrderedApproximant, OrderingParameters, order_structure
from mtl_flows.science.reading import ParsedStructure, read_structures


def occupation(approximant: OrderedApproximant) -> frozenset[tuple[str, tuple[float, ...]]]:
    """Which element is where."""
    return frozenset(
        (site.specie.symbol, tuple((site.frac_coords % 1.0).round(5))) for site in approximant.structure
    )


def main(n_seeds: int) -> None:
    """Print the counts."""
    crystals, same, equal = 0, [], []
    with tempfile.TemporaryDirectory() as folder:
        write_examples(Path(folder), shipped_table())
        for path in sorted(Path(folder).glob("*.cif")):
            (block,) = read_structures(path)
            if not isinstance(block.result, ParsedStructure) or block.result.structure.is_ordered:
                continue
            try:
                made = [
                    order_structure(block.result.structure, "Li", OrderingParameters(seed=seed))[0]
                    for seed in range(n_seeds)
                ]
            except OrderingError:
                continue
            crystals += 1
            if len({occupation(m) for m in made}) < n_seeds:
                same.append(path.stem)
            if len({round(m.ewald_energy_eV, 3) for m in made}) < n_seeds:
                equal.append(path.stem)
    print(f"{crystals} disordered crystals, {n_seeds} seeds each")
    print(f"the same cell twice: {len(same)} ({', '.join(same)})")
    print(f"equal energy: {len(equal)} ({', '.join(equal)})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)

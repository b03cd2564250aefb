"""Known answers from a table of diffusivities: ``python benchmarks/earlier_answers.py``.

A table of six crystals (``benchmarks/conductors.py``, the page *Ion dynamics*) is older than `mtl benchmark dynamics`.
Their trajectories are in no store: the diffusivities are put to the posterior that the store uses, and the comparisons
with published conductivities printed as the command writes them. They are a part of what the package holds in
``mtl_flows/data/potential_errors.yaml``; Li3N, simulated since, and what has no published value are left out.
"""

from dataclasses import dataclass
from math import log
from pathlib import Path

import yaml

from mtl_flows.evaluation.known_answers import load_known_answers
from mtl_flows.science.dynamics.known_answers import AnswerComparison, middle
from mtl_flows.science.dynamics.readings import USUAL_FREEDOM, Count, Reading, Value
from mtl_flows.science.dynamics.transport import Observed

EXAMPLES = Path(__file__).parents[1] / "examples" / "compounds.yaml"
JUMP_CM = 3e-8
T_95 = 2.306  # Student's t of eight degrees of freedom


@dataclass(frozen=True)
class Tabled:
    """One crystal of the table: its cell, and D in 10⁻⁵ cm²/s by temperature, a value with its interval or a bound."""

    compound: str
    n_atoms: int
    n_mobile: int
    volume_A3: float
    values: dict[float, tuple[float, float, float]]
    nothing_seen_K: tuple[float, ...] = ()
    production_ps: float = 4.0

    def observed(self) -> Observed:
        """Return what was read of it."""
        per_D = 6.0 * self.n_mobile * self.production_ps * 1e-12 / JUMP_CM**2
        readings: list[Reading] = [
            Value(
                T,
                log(1e-5 * D),
                log(high / low) / (2.0 * T_95),
                USUAL_FREEDOM,
                1e-5 * D * per_D,
                per_D,
                self.production_ps,
            )
            for T, (D, low, high) in self.values.items()
        ]
        readings += [Count(T, 0.0, 0.0, 1.0, per_D, self.production_ps) for T in self.nothing_seen_K]
        return Observed((tuple(readings),), (), self.n_mobile / self.volume_A3, 1.0)


CHGNET = (
    Tabled(
        "li10gep2s12",
        50,
        20,
        949.7,
        {1200.0: (14.0, 9.0, 21.0), 1000.0: (8.3, 5.3, 13.0), 800.0: (7.2, 4.1, 13.0)},
    ),
    Tabled(
        "li6ps5cl",
        52,
        24,
        955.6,
        {1200.0: (14.0, 10.0, 19.0), 1000.0: (13.0, 8.1, 20.0), 800.0: (6.6, 4.4, 10.0)},
    ),
    Tabled("li3po4-gamma", 32, 12, 316.5, {}, (1200.0,)),
)
SEVENNET_MF_0 = (
    Tabled("li6ps5cl", 52, 24, 955.6, {1000.0: (12.5, 8.7, 18.0), 600.0: (2.4, 1.3, 4.5)}, production_ps=5.0),
)


def compared(tabled: Tabled) -> AnswerComparison:
    """Hold one crystal against what is published."""
    (answer,) = (a for a in load_known_answers(EXAMPLES) if a.compound.id == tabled.compound)
    seen = tabled.observed()
    found = seen.transport(seen.belief())
    published = [one.value for one in answer.conductivities_S_per_cm]
    energies = [one.value for one in answer.energies_eV]
    return AnswerComparison(
        material_id=answer.names[0] if answer.compound.coordinates == "published" else answer.compound.id,
        formula=answer.compound.formula,
        published_S_per_cm=(min(published), max(published)),
        simulated_S_per_cm=found.conductivity_S_per_cm.values,
        simulated_eV=middle(found.activation_energy_eV),
        published_eV=(min(energies), max(energies)) if energies else (),
        lengths_ps={f"{r.temperature_K:g}": r.production_ps for r in seen.readings[0]},
        n_atoms=tabled.n_atoms,
    )


if __name__ == "__main__":
    for engine, crystals in (("chgnet", CHGNET), ("sevennet:7net-mf-0", SEVENNET_MF_0)):
        told = {"engine": engine, "comparisons": [compared(one).as_dict() for one in crystals]}
        print(yaml.safe_dump([told], sort_keys=False, allow_unicode=True))

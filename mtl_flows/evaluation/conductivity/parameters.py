"""What decides a benchmark against conductivities."""

from dataclasses import dataclass

from mtl_flows.records import Record


@dataclass(frozen=True, slots=True)
class BenchmarkParameters(Record):
    """Parameters of the benchmark of the screening against measured conductivities.

    Attributes
    ----------
    superionic_S_per_cm
        Room-temperature conductivity from which a material counts as superionic.
    include_relatives
        Also use rows whose structure is that of a close relative of the compound measured.
    top_fraction
        Share of the materials that a ranking may spend its budget on.
    n_bootstrap
        Draws behind each interval.
    n_splits
        Random halvings behind each held-out figure.
    n_folds
        Folds of the forests' out-of-fold scores.
    seed
        Of every random choice.
    """

    superionic_S_per_cm: float = 1e-4
    include_relatives: bool = True
    top_fraction: float = 0.25
    n_bootstrap: int = 2000
    n_splits: int = 100
    n_folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.superionic_S_per_cm > 0:
            raise ValueError(f"superionic_S_per_cm must be positive, not {self.superionic_S_per_cm}")
        if not 0 < self.top_fraction < 1:
            raise ValueError(f"top_fraction must be between 0 and 1, not {self.top_fraction}")
        for name, least in (("n_bootstrap", 1), ("n_splits", 1), ("n_folds", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")

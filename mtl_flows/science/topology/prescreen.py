"""The gates on r_connected and rho_cycles that come before clustering."""

from dataclasses import dataclass

from mtl_flows.science.topology.parameters import Protocol


@dataclass(frozen=True, slots=True)
class PrescreenThresholds:
    """Limits of the prescreen (doi:10.1021/jacs.5c04828, section 2.2).

    Attributes
    ----------
    r_connected_A
        r_connected must be below this.
    rho_cycles
        rho_cycles must be below this.
    """

    r_connected_A: float = 5.0
    rho_cycles: float = 0.6


@dataclass(frozen=True, slots=True)
class Gate:
    """One comparison of a metric with its threshold, as ``rule`` states it."""

    name: str
    value: float
    threshold: float
    passed: bool
    rule: str


@dataclass(frozen=True, slots=True)
class PrescreenVerdict:
    """The outcome of every gate; a material passes if all gates do."""

    protocol: Protocol
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate was passed."""
        return all(gate.passed for gate in self.gates)


def prescreen(
    r_connected_A: float,
    rho_cycles: float,
    protocol: Protocol = "published",
    thresholds: PrescreenThresholds = PrescreenThresholds(),
) -> PrescreenVerdict:
    """Apply the prescreen of a protocol.

    Both ask for ``r_connected < 5 Å`` and ``rho_cycles < 0.6``. ``published`` also asks for at least one loop
    (``rho_cycles > 0``), which the article does not mention but its released lists follow.

    Parameters
    ----------
    r_connected_A, rho_cycles
        The metrics, rho_cycles that of the same protocol.
    protocol
        Whose rules to apply.
    thresholds
        The limits.
    """
    gates = [
        _below("r_connected", r_connected_A, thresholds.r_connected_A, " Å"),
        _below("rho_cycles", rho_cycles, thresholds.rho_cycles, ""),
    ]
    if protocol == "published":
        gates.append(Gate("has_cycles", rho_cycles, 0.0, rho_cycles > 0.0, "rho_cycles > 0"))
    return PrescreenVerdict(protocol, tuple(gates))


def _below(name: str, value: float, threshold: float, unit: str) -> Gate:
    return Gate(name, value, threshold, value < threshold, f"{name} < {threshold:g}{unit}")

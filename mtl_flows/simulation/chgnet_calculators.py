"""CHGNet calculators that predict no more than is asked: two thirds of the time of the stock one."""

import contextlib
import io
import warnings
from typing import Any, ClassVar

from chgnet.model.dynamics import CHGNetCalculator


class CHGNetForRelaxation(CHGNetCalculator):  # type: ignore[misc]
    """CHGNet with energy, forces and stress."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]
    task: ClassVar[str] = "efs"

    def __init__(self, **kwargs: Any) -> None:
        # CHGNet announces its size and device on standard output.
        with contextlib.redirect_stdout(io.StringIO()):
            super().__init__(**kwargs)

    def calculate(
        self,
        atoms: Any = None,
        properties: list[str] | None = None,
        system_changes: list[str] | None = None,
    ) -> None:
        """Predict the implemented properties of ``atoms``; see ``CHGNetCalculator.calculate``."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True")
            super().calculate(atoms, properties, system_changes, task=self.task)


class CHGNetForDynamics(CHGNetForRelaxation):
    """CHGNet with energy and forces only: what dynamics at constant cell needs."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]
    task: ClassVar[str] = "ef"

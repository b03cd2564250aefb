"""CHGNet calculators that predict no more than is asked: two thirds of the time of the stock one."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any, ClassVar

from chgnet.model import CHGNet
from chgnet.model.dynamics import CHGNetCalculator


class CHGNetForRelaxation(CHGNetCalculator):  # type: ignore[misc]
    """CHGNet with energy, forces and stress."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]
    task: ClassVar[str] = "efs"

    def __init__(self, *, model_name: str = "0.3.0", use_device: str = "cpu", **kwargs: Any) -> None:
        # CHGNet announces its size and device on standard output.
        with contextlib.redirect_stdout(io.StringIO()):
            if Path(model_name).is_file():
                model = CHGNet.from_file(model_name)
            else:
                model = CHGNet.load(model_name=model_name, use_device=use_device, verbose=False)
            super().__init__(model=model, use_device=use_device, **kwargs)

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

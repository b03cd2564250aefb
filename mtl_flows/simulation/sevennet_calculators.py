"""SevenNet's calculator without warnings that a log of every job would repeat."""

import warnings
from typing import Any

with warnings.catch_warnings():
    # e3nn compiles on import, in a way that PyTorch has deprecated.
    warnings.simplefilter("ignore")
    from sevenn.calculator import SevenNetCalculator


class SevenNet(SevenNetCalculator):
    """SevenNet with energy, forces and stress, all of one evaluation."""

    def __init__(self, **arguments: Any) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="No tensor product accelerator")
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            super().__init__(**arguments)

"""SevenNet for many configurations in one call, by its own model of torch-sim."""

import warnings
from typing import Any

from mtl_flows.simulation.batched.torchsim import TorchSimPotential


def potential(*, model: str, device: str, **arguments: Any) -> TorchSimPotential:
    """Return it, loaded.

    Parameters
    ----------
    model
        Name or file, as SevenNet's calculator takes it.
    device
        As PyTorch names it.
    arguments
        Further ones of the calculator: the modality, and which kernels to use.
    """
    with warnings.catch_warnings():
        # e3nn compiles on import, in a way that PyTorch has deprecated.
        warnings.simplefilter("ignore")
        from sevenn.torchsim import SevenNetModel

        loaded = SevenNetModel(model, device=device, **arguments)
    return TorchSimPotential(loaded, loaded.type_map)

"""Where a model is evaluated: chosen by name, checked where it runs."""

import re
from typing import Final

from mtl_flows.errors import ConfigurationError

AUTO: Final = "auto"
"""A GPU with CUDA where there is one, else the CPU."""
_KNOWN = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def checked_device(name: str) -> str:
    """Return the name of a device as it is asked for; nothing is loaded.

    Raises
    ------
    ConfigurationError
        If there is no such kind of device.
    """
    if not _KNOWN.fullmatch(name):
        raise ConfigurationError(
            "is no device", subject=name, remedy="use auto, cpu, cuda, cuda:N for GPU number N, or mps"
        )
    return name


def device_here(name: str) -> str:
    """Return the device that a name stands for on this machine.

    Raises
    ------
    ConfigurationError
        If this machine does not have it.
    """
    asked = checked_device(name)
    if asked == "cpu":
        return asked
    try:
        import torch
    except ImportError:
        if asked == AUTO:
            return "cpu"
        raise ConfigurationError(
            "needs PyTorch", subject=asked, remedy="install the extra 'dynamics'"
        ) from None
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == AUTO:
        return "cuda" if n_gpus else "cpu"
    if asked == "mps":
        if torch.backends.mps.is_available():
            return asked
        raise ConfigurationError("this machine has no MPS", subject=asked, remedy="use auto or cpu")
    _, _, number = asked.partition(":")
    if int(number or 0) >= n_gpus:
        there = f"{n_gpus} GPUs with CUDA" if n_gpus else "no GPU that PyTorch can use"
        raise ConfigurationError(
            f"this machine has {there}",
            subject=asked,
            remedy="use auto or cpu, or install a PyTorch for your GPU (python -m torch.utils.collect_env tells)",
        )
    return asked

"""A potential with a checkpoint, which it reads from a file and casts to a precision."""

import os
from pathlib import Path

import torch
from toy_engines import Conductor

CHECKPOINT = "TOY_CHECKPOINT"
"""Environment variable: the file that its weights are read from."""


class Weighted(Conductor):
    """`Conductor`, with a model that nothing depends on."""

    def __init__(self, dtype: str = "float64", flavour: str = "plain") -> None:
        super().__init__()
        self.model = torch.nn.Linear(3, 2, dtype=torch.float64)
        self.model.load_state_dict(torch.load(os.environ[CHECKPOINT])["model"])
        self.model.to(getattr(torch, dtype))


def write_checkpoint(path: Path, shift: float = 0.0) -> Path:
    """Write weights; `shift` gives others."""
    model = torch.nn.Linear(3, 2, dtype=torch.float64)
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.copy_(torch.arange(parameter.numel()).reshape(parameter.shape) / 7 + number + shift)
    torch.save({"model": model.state_dict(), "epoch": 3}, path)
    return path

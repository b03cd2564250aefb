"""Digests of a model's weights: of the checkpoint as it is read, and of the tensors as the calculator holds them.

The first is the same whatever precision, device or number of threads the model is used with, and so says which
potential it is. The second is what the first version of the store recorded.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


@dataclass(frozen=True, slots=True)
class Weights:
    """What a model was built from.

    Attributes
    ----------
    checkpoint_sha256
        Of the tensors in the files that were read, before any of them was cast; empty without any.
    tensors_sha256
        Of the tensors that the calculator computes with; empty without any.
    """

    checkpoint_sha256: str
    tensors_sha256: str


@dataclass(slots=True)
class Checkpoints:
    """What PyTorch read while it was watched."""

    digests: list[str] = field(default_factory=list)

    def weights_of(self, calculator: "Calculator") -> Weights:
        """Digests of a calculator that was built meanwhile.

        Where its model came from elsewhere than a checkpoint of PyTorch, its tensors are all there is to know.
        """
        tensors = tensors_sha256(calculator)
        read = hashlib.sha256("".join(self.digests).encode()).hexdigest() if self.digests else tensors
        return Weights(read if tensors else "", tensors)


@contextmanager
def watched_checkpoints() -> Iterator[Checkpoints]:
    """Note the tensors of every checkpoint that is read within; nothing where PyTorch is not installed."""
    seen = Checkpoints()
    try:
        import torch
    except ImportError:
        yield seen
        return
    load: Any = torch.load

    def noting(*args: Any, **kwargs: Any) -> Any:
        loaded = load(*args, **kwargs)
        digest = hashlib.sha256()
        if _digest_tensors(digest, "", loaded):
            seen.digests.append(digest.hexdigest())
        return loaded

    _rebind(load, noting)
    try:
        yield seen
    finally:
        _rebind(noting, load)


def _rebind(function: Any, other: Any) -> None:
    """Let every module that knows a function know another instead: some have imported it by name."""
    for module in list(sys.modules.values()):
        known = getattr(module, "__dict__", {})
        if id(function) in map(id, list(known.values())):  # quicker than to look at a hundred thousand names
            for name, value in list(known.items()):
                if value is function:
                    setattr(module, name, other)


def tensors_sha256(calculator: "Calculator") -> str:
    """Return the digest of a calculator's tensors, wherever they were loaded from; empty without any."""
    model = getattr(calculator, "model", None)
    if model is None or not hasattr(model, "state_dict"):
        return ""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        _digest_tensor(digest, name, tensor)
    return digest.hexdigest()


def _digest_tensor(digest: Any, name: str, tensor: Any) -> None:
    digest.update(name.encode())
    digest.update(str(tensor.dtype).encode())
    digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())


def _digest_tensors(digest: Any, path: str, node: Any) -> int:
    """Digest every tensor in what a checkpoint holds, by its place there, and return their number."""
    if hasattr(node, "state_dict"):
        node = node.state_dict()
    if hasattr(node, "detach"):
        _digest_tensor(digest, path, node)
        return 1
    if isinstance(node, Mapping):
        return sum(_digest_tensors(digest, f"{path}/{k}", node[k]) for k in sorted(node, key=str))
    if isinstance(node, list | tuple):
        return sum(_digest_tensors(digest, f"{path}/{k}", item) for k, item in enumerate(node))
    return 0

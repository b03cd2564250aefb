"""One document to compute, wherever that is: here, in another process, on another machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymatgen.core import Structure

from mtl_flows.errors import InputError, MTLError
from mtl_flows.parallel import GuardedPool
from mtl_flows.records import Record
from mtl_flows.schemas.base import CrystalResult, Header
from mtl_flows.stages.base import CrystalStage, StageInput
from mtl_flows.stages.screening import ScreeningParameters
from mtl_flows.stages.subjects import Subject

_LOADED_ONCE: Final = ("mtl_flows.stages.loaded_once",)


@dataclass(frozen=True)
class Limits(Record):
    """What one structure may cost before it is set aside.

    Attributes
    ----------
    workers
        Processes of one job; 0 computes in the job's own process, without limits.
    """

    workers: int = 1
    timeout_s: float = 600.0
    memory_MB: int = 8000

    def pool(self, *, outlives_sigterm: bool = False) -> GuardedPool:
        """Return processes that keep these limits."""
        return GuardedPool(
            self.workers,
            timeout_s=self.timeout_s,
            memory_MB=self.memory_MB,
            preload=_LOADED_ONCE,
            outlives_sigterm=outlives_sigterm,
        )


@dataclass(frozen=True)
class StageWork:
    """One document to compute; travels to another process.

    Attributes
    ----------
    crystal
        The pymatgen structure as a mapping.
    upstream
        Documents of the stages that this one needs, by noun.
    """

    stage: CrystalStage[Any]
    subject: Subject
    crystal: Mapping[str, Any]
    upstream: Mapping[str, CrystalResult]
    parameters: ScreeningParameters
    header: Header


def build_document(work: StageWork) -> CrystalResult:
    """Compute a document."""
    p, crystal = work.parameters, Structure.from_dict(dict(work.crystal))
    given = StageInput(work.subject, crystal, p.mobile_ion, work.upstream)
    result: CrystalResult = work.stage.build(given, getattr(p, work.stage.section), work.header)
    return result


def refusal(error: Exception, subject: Subject) -> MTLError:
    """Return the error that a structure is refused with: what is no error of ours is told as one."""
    if isinstance(error, MTLError):
        return error
    return InputError(
        f"{type(error).__name__}: {error}",
        subject=subject.structure_id,
        remedy="report it with the structure file",
    )

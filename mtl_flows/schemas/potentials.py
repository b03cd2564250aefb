"""Document of a potential: its name part, tied to the weights that it stands for."""

from datetime import datetime

from pydantic import Field

from mtl_flows.schemas.base import Document, FreeForm


class PotentialDocument(Document):
    """One potential; its id is the hash of its name part, and of its weights where the name stood for others before."""

    telling = ("engine_name",)

    engine_name: str = Field(description="short name or import path of the engine")
    name_part: FreeForm = Field(description="engine, model, modality and every keyword, as handed in")
    name_id: str = Field(description="id of the first potential of this name part")
    distinguished_by: str = Field(
        "", description="weights that tell it from the first of its name; empty for that"
    )
    weights_sha256: str | None = Field(
        description="hash of the checkpoint's tensors before any cast; empty without weights, null until a worker "
        "of this version has loaded the model"
    )
    tensors_sha256: list[str] = Field(
        default_factory=list,
        description="hashes of the tensors as models held them, precision included; all that version 1 recorded",
    )
    engine: FreeForm = Field(description="version, precision, threads: of the worker that loaded it first")
    soundness: FreeForm | None = Field(
        None,
        description="forces and stress held against the energy on the first cell that was relaxed; null before, and "
        "for a program whose forces are beyond doubt",
    )
    soundness_version: int | None = Field(
        None, description="version of the check that found this; null before versions were kept"
    )
    known_answers: list[FreeForm] = Field(
        default_factory=list,
        description="conductors of known conductivity that it simulated, simulated and published values side by side",
    )
    noted_at: datetime = Field(
        description="UTC, when its weights were met, or met again in the place of others"
    )

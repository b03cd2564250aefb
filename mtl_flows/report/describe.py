"""What topology says of structure files, without a database."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mtl_flows.errors import InputError, MTLError, UnreadableStructureError
from mtl_flows.parallel import guarded_map
from mtl_flows.science.curation import flags
from mtl_flows.science.reading import ParsedStructure, check_structure, lacking_ion, read_structures
from mtl_flows.science.topology import TopologyParameters, TopologyResult, compute_topology

Description = dict[str, Any]


def describe_files(
    paths: Sequence[Path],
    *,
    mobile_ion: str = "Li",
    parameters: TopologyParameters,
    workers: int = 1,
    timeout_s: float = 600.0,
    memory_MB: int = 8000,
) -> Iterator[Description]:
    """Metrics and features of every structure in every file, in the order of the files.

    A file or block that cannot be used gives an entry with ``reason``, ``message`` and ``remedy`` instead.

    Parameters
    ----------
    paths
        CIF, POSCAR or pymatgen JSON files.
    workers
        Processes; 0 computes in this one, without limits on time and memory.
    timeout_s, memory_MB
        Limits for one file.

    Yields
    ------
    dict
        JSON-able; units in the names of the fields.
    """
    tasks = [(path, mobile_ion, parameters) for path in paths]
    for path, outcome in zip(
        paths,
        guarded_map(_describe_file, tasks, workers=workers, timeout_s=timeout_s, memory_MB=memory_MB),
        strict=True,
    ):
        if outcome.error is None:
            yield from outcome.value
        else:
            yield failure(str(path), outcome.error)


def _describe_file(task: tuple[Path, str, TopologyParameters]) -> list[Description]:
    path, mobile_ion, parameters = task
    if path.is_dir():
        error = UnreadableStructureError("is a folder", remedy=f"name the files in it, such as {path}/*.cif")
        return [failure(str(path), error)]
    descriptions = []
    blocks = read_structures(path)
    for block in blocks:
        parsed = block.result
        if isinstance(parsed, InputError):
            descriptions.append(failure(str(path), lacking_ion(parsed, mobile_ion)))
            continue
        try:
            check_structure(parsed.structure, mobile_ion)
            result = compute_topology(parsed.structure, mobile_ion, parameters)
        except MTLError as error:
            descriptions.append(failure(str(path), error, parsed.source_id))
        else:
            descriptions.append(describe(path, parsed, result))
    return descriptions


def failure(path: str, error: Exception, source_id: str | None = None) -> Description:
    """Entry of a file or block that cannot be used."""
    known = (
        error if isinstance(error, MTLError) else MTLError(f"{type(error).__name__}: {error}", subject=path)
    )
    return {
        "id": source_id or Path(path).stem,
        "file": path,
        "reason": known.reason,
        "message": known.message,
        "remedy": known.remedy,
        "lines": list(known.lines) if isinstance(known, InputError) else [],
    }


def describe(path: Path, parsed: ParsedStructure, result: TopologyResult) -> Description:
    """Entry of one structure."""
    return {
        "id": parsed.source_id,
        "file": str(path),
        "formula": parsed.structure.composition.reduced_formula,
        "n_sites": result.n_sites,
        "n_mobile": result.n_mobile,
        "n_framework": result.n_framework,
        "r_connected_A": result.r_connected_A,
        "rho_cycles": dict(result.rho_cycles),
        "features": {protocol: dict(values) for protocol, values in result.features.items()},
        **result.descriptors,
        "orbits": [
            {
                "site_index": orbit.site_index,
                "label": orbit.label,
                "multiplicity": orbit.multiplicity,
                "r_connected_A": orbit.r_connected_A,
                "n_mobile_in_sphere": orbit.n_mobile_in_sphere,
                "n_framework_in_sphere": orbit.n_framework_in_sphere,
            }
            for orbit in result.barcodes.orbits
        ],
        "warnings": list(parsed.warnings),
        "flags": asdict(flags(parsed)),
        "implicit_hydrogens": parsed.implicit_hydrogens,
        "oxidation_states": dict(parsed.oxidation_states),
        "timings_s": dict(result.timings_s),
    }

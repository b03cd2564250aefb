"""The Materials Project: relaxed cells of what a chemical system, a formula or ids name."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mtl_flows.errors import ConfigurationError, SourceError
from mtl_flows.sources.release_folder import Origin, ReleaseFolder

ADDRESS: Final = "https://api.materialsproject.org/"
LICENCE: Final = "CC-BY-4.0"
_FIELDS: Final = ["material_id", "structure"]


def fetch_materials_project(
    api_key: str,
    criteria: Mapping[str, Any],
    folder: Path,
    *,
    release: str,
    source: str = "mp",
    address: str = ADDRESS,
) -> ReleaseFolder:
    """Write what the summary of the Materials Project finds into a release folder, by pymatgen's own client.

    Parameters
    ----------
    api_key
        Personal key; never stored nor shown.
    criteria
        Of its summary search, such as ``{"chemsys": "Li-P-S"}`` or ``{"elements": ["Li", "P"], "nelements": 3}``.

    Raises
    ------
    ConfigurationError
        If the key is none, or the folder holds something else.
    SourceError
        If the service refuses or does not answer.
    """
    from pymatgen.ext.matproj import MPRester, MPRestError

    origin = Origin(source, release, address, dict(criteria), LICENCE)
    made = ReleaseFolder.open(folder, origin)
    if made.manifest.complete:
        return made
    try:
        with MPRester(api_key) as service:
            service.preamble = address.rstrip("/") + "/"
            found: Sequence[Mapping[str, Any]] = service.summary_search(**criteria, _fields=_FIELDS)
    except ValueError:
        raise ConfigurationError(
            "is not a valid API key", subject="Materials Project", remedy="copy it from your dashboard there"
        ) from None
    except MPRestError as error:
        raise SourceError(
            f"did not answer: {str(error).replace(api_key, '***')[:200]}",
            subject=f"Materials Project ({address})",
            remedy="check the key, the criteria and the network, and run the same command again",
        ) from None
    for entry in found:
        structure = entry.get("structure")
        if structure is None:
            made.leave_out(str(entry["material_id"]), "comes without a structure")
        else:
            told = structure if isinstance(structure, dict) else structure.as_dict()
            made.add(str(entry["material_id"]), ".json", json.dumps(told).encode())
    made.finish()
    return made

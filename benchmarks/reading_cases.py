"""Small inputs with known outcomes against the reader: ``python benchmarks/reading_cases.py FOLDER``.

The folder holds the inputs and ``cases.json``: for each its severity, how it is run (``describe``: read alone, no
store; ``ingest``: into an empty store) and the outcomes that are right, any one of them.
"""

import argparse
import json
import tempfile
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition

from mtl_flows.errors import InputError
from mtl_flows.jobs.ingest import ingest
from mtl_flows.science.curation import flags
from mtl_flows.science.reading import ParsedStructure, check_structure, lacking_ion, read_structures
from mtl_flows.settings import Settings
from mtl_flows.store.database import MTLStore

Outcome = dict[str, Any]


def read_alone(path: Path, ion: str) -> list[Outcome]:
    """What reading gives for each block of a file."""
    outcomes: list[Outcome] = []
    for block in read_structures(path):
        parsed = block.result
        try:
            if isinstance(parsed, InputError):
                raise lacking_ion(parsed, ion)
            check_structure(parsed.structure, ion)
        except InputError as error:
            outcomes.append({"reason": error.reason, "message": error.message})
            continue
        outcomes.append(_said(parsed, ion))
    return outcomes


def _said(parsed: ParsedStructure, ion: str) -> Outcome:
    composition = parsed.structure.composition.element_composition
    doubts = flags(parsed)
    return {
        "structure": parsed.structure,
        "contents": {e.symbol: composition[e] for e in composition},
        "n_sites": len(parsed.structure),
        "n_mobile": sum(ion in site.species.element_composition for site in parsed.structure),
        "oxidation_states": parsed.oxidation_states,
        "hydrogens": parsed.implicit_hydrogens,
        "told": bool(parsed.warnings) or doubts.missing_hydrogen or doubts.composition_mismatch,
        "warnings": parsed.warnings,
    }


def fits(expected: Outcome, outcome: Outcome, folder: Path, ion: str) -> bool:
    """Whether one block came out as expected."""
    if "any" in expected:
        return any(fits(option, outcome, folder, ion) for option in expected["any"])
    if "rejected" in expected:
        return outcome.get("reason") in expected["rejected"]
    if "accepted" not in expected or "contents" not in outcome:
        return False
    wanted = expected["accepted"]
    contents = wanted.get("cell_contents", {})
    right = set(contents) == set(outcome["contents"]) and all(
        abs(outcome["contents"][e] - n) < 0.01 for e, n in contents.items()
    )
    right = right and Composition(wanted["formula"]).almost_equals(
        _scaled(outcome["contents"], wanted["formula"]), rtol=0.01, atol=0.01
    )
    right = right and all(outcome[k] == wanted[k] for k in ("n_sites", "n_mobile") if k in wanted)
    if "implicit_hydrogens" in wanted:
        right = right and outcome["hydrogens"] == wanted["implicit_hydrogens"]
    if {"note", "implicit_or_flag"} & set(wanted):
        right = right and outcome["told"]
    for element, state in wanted.get("oxidation_states", {}).items():
        right = right and abs(outcome["oxidation_states"].get(element, np.nan) - state) < 1e-6
    if "same_structure_as" in wanted:
        (twin,) = read_alone(folder / wanted["same_structure_as"], ion)
        right = right and StructureMatcher(ltol=0.01, stol=0.01, scale=False).fit(
            twin["structure"], outcome["structure"]
        )
    return right


def _scaled(contents: dict[str, float], formula: str) -> Composition:
    wanted = Composition(formula)
    factor = wanted.num_atoms / sum(contents.values())
    return Composition({element: amount * factor for element, amount in contents.items()})


def _empty_store(folder: str) -> AbstractContextManager[MTLStore]:
    return MTLStore.open(Settings(home=Path(folder) / "home", mongo_uri=None), begin=True)


def ingest_outcome(path: Path, ion: str) -> Outcome:
    """Counts of an ingest of one input into an empty store."""
    with tempfile.TemporaryDirectory() as folder, _empty_store(folder) as store:
        try:
            summary = ingest(store, [path], release="r", source="icsd", mobile_ions=[ion], workers=2)
        except Exception as error:  # noqa: BLE001 - that an ingest ends is the finding
            return {"crash": f"{type(error).__name__}: {error}"[:200]}
        refusals = list(store.rejections.find({}))
        structures = summary.new + summary.changed
        return {
            "files": summary.files,
            "accepted_files": structures,
            "rejected_files": len({r.subject.partition(" [")[0] for r in refusals}),
            "structures": structures,
            "rejected_blocks": summary.rejected,
            "rejection_records": len(refusals),
            "rejected": sorted({r.reason for r in refusals}),
            "messages": [f"{r.subject}: {r.message}"[:160] for r in refusals][:6],
        }


def ingest_fits(expected: Outcome, outcome: Outcome) -> bool:
    """Whether an ingest came out as expected."""
    if "crash" in outcome:
        return False
    for key, wanted in expected.items():
        if key == "rejected":
            if not set(outcome["rejected"]) & set(wanted):
                return False
        elif outcome.get(key) != wanted:
            return False
    return True


def two_sources(folder: Path) -> bool:
    """Whether files of one name from two sources stay two materials."""
    with tempfile.TemporaryDirectory() as place, _empty_store(place) as store:
        for name, source in (("1", "icsd"), ("2", "cod")):
            ingest(
                store,
                [folder / f"replaced_by_other_source_{name}.zip"],
                release=source,
                source=source,
                workers=2,
            )
        return store.structures.count({"current": True}) == 2 or bool(list(store.rejections.find({})))


def main() -> None:
    """Run every case and print how many are right, by severity."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--describe-only", action="store_true", help="leave out what needs a store")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--skip", default="-", help="cases whose name holds this text are left out")
    arguments = parser.parse_args()
    cases = json.loads((arguments.folder / "cases.json").read_text())["cases"]
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for case in cases:
        path, ion = arguments.folder / case["file"], case["mobile_ion"]
        if (
            arguments.skip in case["file"]
            or arguments.only not in case["file"]
            or (arguments.describe_only and case["run"] == "ingest")
        ):
            continue
        severity = case.get("severity", case["kind"])
        total[severity] += 1
        if "replaced_by" in case["file"]:
            good, told = two_sources(arguments.folder), ""
        elif case["run"] == "ingest":
            outcome = ingest_outcome(path, ion)
            good = any(ingest_fits(expected, outcome) for expected in case["expect_any_of"])
            told = str(outcome)
        else:
            try:
                blocks = read_alone(path, ion)
            except Exception as error:  # noqa: BLE001 - that reading raises is the finding
                blocks = [{"reason": "traceback", "message": repr(error)}]
            good = any(
                len(blocks) == len(wanted := expected.get("blocks", [expected]))
                and all(fits(w, b, arguments.folder, ion) for w, b in zip(wanted, blocks, strict=True))
                for expected in case["expect_any_of"]
            )
            told = "; ".join(
                b.get("message") or f"{b['contents']} {b['n_sites']} sites {b['warnings']}" for b in blocks
            )
        right[severity] += good
        print(f"{'right' if good else 'WRONG':6}{severity:9}{case['file']}: {told[:300]}", flush=True)
    for severity in total:
        print(f"{severity}: {right[severity]} of {total[severity]} right")
    print(f"all: {sum(right.values())} of {sum(total.values())} right")


if __name__ == "__main__":
    main()

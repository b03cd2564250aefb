"""Mutants of structure files: nothing may end the reader, get lost, take long or contradict itself without a word.

``python benchmarks/reading_fuzz.py --mutants 20000`` makes forty seeds of CIF, POSCAR, JSON and extended XYZ from known
crystals, changes each by its structure (lines and rows dropped, doubled, swapped; numbers scaled; text cut or encoded
anew; archives truncated and bits flipped) and reads every mutant. Of each mutant that is accepted what is left of
operations, Z, formula, multiplicities, volume and density is held against the sites (`reading_referee.py`); a mutant
with nothing left to compare is counted apart. The exit code is 1 where a mutant breaks a rule.

With `--ingest` the mutants go through `mtl_flows.jobs.ingest.ingest` into a store, five hundred at a time, and what the
store holds of each is judged: its structures with their notes and flags, or its rejection.
"""

import argparse
import io
import json
import random
import re
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from pymatgen.core import Structure
from pymatgen.io.vasp import Poscar
from reading_referee import AVOGADRO_A3, contradicted

from mtl_flows.errors import InputError
from mtl_flows.jobs.ingest import ingest
from mtl_flows.report.examples import shipped_table, write_examples
from mtl_flows.schemas.ingest import StructureDocument
from mtl_flows.science.curation import flags
from mtl_flows.science.reading import ParsedStructure, check_structure, find_files, read_structures
from mtl_flows.settings import Settings
from mtl_flows.store.database import MTLStore

Mutation = Callable[[random.Random, bytes], bytes]
N_SEEDS = 40
LIMIT_S = 20.0
BATCH = 500
_NUMBER = re.compile(rb"(?<![\w.])-?\d+\.?\d*(?:\(\d+\))?(?![\w.])")
_PART = rb"[-+xyzXYZ\d/. ]+"
_OPERATION = re.compile(rb"\s*(?:\d+\s+)?'?" + _PART + b"," + _PART + b"," + _PART + rb"'?\s*$")


@dataclass(frozen=True)
class Seed:
    """A good file."""

    name: str
    content: bytes


def seeds() -> list[Seed]:
    """Forty good files: CIF with every statement, and the other formats."""
    found: list[Seed] = []
    with tempfile.TemporaryDirectory() as folder:
        write_examples(Path(folder), shipped_table())
        paths = sorted(Path(folder).glob("*.cif"))
        found += [Seed(path.name, _with_statements(path.read_bytes())) for path in paths[:22]]
        for path in paths[22:40]:
            (block,) = read_structures(path)
            if isinstance(block.result, ParsedStructure):
                found.append(_as_other_format(path.stem, block.result.structure, len(found) % 3))
    return found[:N_SEEDS]


def _as_other_format(stem: str, structure: Structure, which: int) -> Seed:
    if which == 0 and structure.is_ordered:
        return Seed(f"{stem}.vasp", Poscar(structure).get_str().encode())
    if which == 1 and structure.is_ordered:
        lattice = " ".join(f"{x:.6f}" for x in structure.lattice.matrix.ravel())
        rows = "\n".join(f"{s.specie.symbol} {s.x:.6f} {s.y:.6f} {s.z:.6f}" for s in structure)
        head = f'{len(structure)}\nLattice="{lattice}" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
        return Seed(f"{stem}.extxyz", (head + rows + "\n").encode())
    return Seed(f"{stem}.json", json.dumps(structure.as_dict(), indent=0).encode())


def _with_statements(content: bytes) -> bytes:
    """The file with volume, density and multiplicities too, as its own reading gives them."""
    (block,) = read_structures(("seed.cif", content))
    assert isinstance(block.result, ParsedStructure)
    structure = block.result.structure
    weight = structure.composition.element_composition.weight
    extra = [
        f"_cell_volume {structure.volume:.4f}",
        f"_exptl_crystal_density_diffrn {weight * AVOGADRO_A3 / structure.volume:.4f}",
    ]
    counts = Counter(structure.labels)
    out: list[str] = []
    columns = 0
    for line in content.decode().splitlines():
        if line.startswith("_atom_site_"):
            columns += 1
        elif columns and len(line.split()) == columns:
            if out[-1].startswith("_atom_site_"):
                out.append("_atom_site_symmetry_multiplicity")
            out.append(f"{line} {counts.get(line.split()[0], '?')}")
            continue
        out.append(line)
        if line.startswith("data_"):
            out += extra
    return ("\n".join(out) + "\n").encode()


def _lines(rng: random.Random, content: bytes, change: Callable[[list[bytes], int, int], None]) -> bytes:
    lines = content.split(b"\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    change(lines, a, b)
    return b"\n".join(lines)


def drop_line(rng: random.Random, content: bytes) -> bytes:
    """Leave out a line."""
    return _lines(rng, content, lambda lines, a, _: lines.pop(a) and None)


def double_line(rng: random.Random, content: bytes) -> bytes:
    """Write a line twice."""
    return _lines(rng, content, lambda lines, a, _: lines.insert(a, lines[a]))


def swap_lines(rng: random.Random, content: bytes) -> bytes:
    """Exchange two lines."""

    def change(lines: list[bytes], a: int, b: int) -> None:
        lines[a], lines[b] = lines[b], lines[a]

    return _lines(rng, content, change)


def scale_number(rng: random.Random, content: bytes) -> bytes:
    """Change one number."""
    numbers = list(_NUMBER.finditer(content))
    if not numbers:
        return content
    match = rng.choice(numbers)
    old = float(match[0].split(b"(")[0])
    new = rng.choice(
        [
            *(f"{old * factor:g}" for factor in (0.5, 2.0, 0.1, 10.0, -1.0, 1.01, 0.9)),
            *(f"{old + 0.5:g}", f"{old + 0.01:g}", "0", rng.choice(["1e300", "nan", "inf", "?", "1e5"])),
        ]
    )
    return content[: match.start()] + new.encode() + content[match.end() :]


def drop_operations(rng: random.Random, content: bytes) -> bytes:
    """Leave out some symmetry operations."""
    lines = content.split(b"\n")
    where = [i for i, line in enumerate(lines) if _OPERATION.match(line)]
    if len(where) < 2:
        return drop_line(rng, content)
    gone = set(rng.sample(where, rng.randint(1, len(where) - 1)))
    return b"\n".join(line for i, line in enumerate(lines) if i not in gone)


def change_symbol(rng: random.Random, content: bytes) -> bytes:
    """Write something else for an element."""
    new = rng.choice(
        [b"NH4", b"Xx", b"T", b"PO4", b"Li/Na", b"0.5Li + 0.5Na", b"7Li", b"D", b"Fe2.5+", b"CN", b"Va"]
    )
    symbols = list(re.finditer(rb"(?<=[\s\"])(Li|O|S|P|Cl|F|N|Br)\d?[+-]?(?=[\s\"])", content))
    if not symbols:
        return content
    match = rng.choice(symbols)
    quoted = b"'" + new + b"'" if b" " in new else new
    return content[: match.start()] + quoted + content[match.end() :]


def truncate(rng: random.Random, content: bytes) -> bytes:
    """Cut the end off."""
    return content[: rng.randrange(1, max(len(content), 2))]


def flip_bytes(rng: random.Random, content: bytes) -> bytes:
    """Change a few bytes."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def encode_anew(rng: random.Random, content: bytes) -> bytes:
    """Another encoding or another end of lines."""
    text = content.decode("utf-8", "replace")
    return rng.choice(
        [
            lambda: text.encode("utf-16"),
            lambda: b"\xef\xbb\xbf" + content,
            lambda: text.replace("\n", "\r\n").encode(),
            lambda: text.replace("\n", "\r").encode(),
            lambda: text.encode("utf-16-le"),
            lambda: content.replace(b"_", b"\xe9_", 1),
            lambda: text.upper().encode(),
        ]
    )()


def two_blocks(rng: random.Random, content: bytes) -> bytes:
    """The file twice in one, one of them mangled."""
    return content + b"\n" + rng.choice([drop_line, scale_number, truncate])(rng, content)


MUTATIONS: tuple[Mutation, ...] = (
    *(drop_line, double_line, swap_lines, scale_number, scale_number, drop_operations, drop_operations),
    *(change_symbol, truncate, flip_bytes, encode_anew, two_blocks),
)


def packed(rng: random.Random, name: str, content: bytes) -> tuple[str, bytes]:
    """A damaged archive with the file in it."""
    buffer = io.BytesIO()
    if rng.random() < 0.5:
        method = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED])
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for number in range(3):
                archive.writestr(f"{number}/{name}", content)
        ending = "zip"
    else:
        mode, ending = rng.choice(
            [("w", "tar"), ("w:gz", "tar.gz"), ("w:bz2", "tar.bz2"), ("w:xz", "tar.xz")]
        )
        with tarfile.open(fileobj=buffer, mode=mode) as archive:
            for number in range(3):
                info = tarfile.TarInfo(f"{number}/{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    mutate = rng.choice([flip_bytes, truncate])
    return f"a.{ending}", mutate(rng, buffer.getvalue())


@dataclass
class Tally:
    """What became of the mutants."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest_s: float = 0.0

    def judge(self, name: str, content: bytes, structure: Structure, *, told: bool, alone: bool) -> None:
        """Hold an accepted structure against what is left of its file, if it is alone in it."""
        text = content.decode("utf-8", "replace")
        wrong, compared = contradicted(structure, text) if alone else ([], 0)
        if not compared:
            self.counts["accepted, nothing to compare"] += 1
        elif not wrong:
            self.counts["accepted, agrees"] += 1
        elif told:
            self.counts["accepted with a note"] += 1
        else:
            self.counts["accepted, contradicts silently"] += 1
            self.broken.append(f"silent: {name}: {', '.join(wrong)}\n{text[:3000]}")


def try_mutant(rng: random.Random, name: str, content: bytes, tally: Tally) -> None:
    """Read one mutant and note what became of it."""
    start = time.perf_counter()
    try:
        blocks = read_structures((name, content))
    except Exception:  # noqa: BLE001 - that reading raises is the finding
        tally.broken.append(f"traceback: {name}: {traceback.format_exc(limit=-2)}")
        return
    took = time.perf_counter() - start
    tally.slowest_s = max(tally.slowest_s, took)
    if took > LIMIT_S:
        tally.broken.append(f"over the limit: {name}: {took:.0f} s")
    if not blocks:
        tally.broken.append(f"unaccounted: {name}")
    for block in blocks:
        parsed = block.result
        if isinstance(parsed, ParsedStructure):
            try:
                check_structure(parsed.structure, *(e.symbol for e in parsed.structure.composition))
            except InputError as error:
                parsed = error
        if isinstance(parsed, InputError):
            tally.counts[f"refused: {parsed.reason}"] += 1
            continue
        doubts = flags(parsed)
        told = bool(parsed.warnings) or doubts.composition_mismatch or doubts.missing_hydrogen
        tally.judge(name, content, parsed.structure, told=told, alone=len(blocks) == 1)


def try_archive(rng: random.Random, seed: Seed, tally: Tally, folder: Path) -> None:
    """Find the files in a damaged archive."""
    name, content = packed(rng, seed.name, seed.content)
    path = folder / name
    path.write_bytes(content)
    try:
        found = list(find_files([path]))
    except Exception:  # noqa: BLE001 - as above
        tally.broken.append(f"traceback: {name}: {traceback.format_exc(limit=-2)}")
        return
    good = sum(not isinstance(file.content, InputError) for file in found)
    bad = len(found) - good
    tally.counts[f"archive: {good} of 3 read, {'with' if bad else 'without'} a refusal"] += 1
    if good < 3 and not bad:
        tally.broken.append(f"unaccounted: {good} of 3 members of {name}, no refusal")


def through_ingest(mutants: dict[str, bytes], tally: Tally, store: MTLStore, folder: Path) -> None:
    """Ingest mutants by name of their files, and judge what the store holds of each."""
    folder.mkdir()
    for name, content in mutants.items():
        (folder / name).write_bytes(content)
    try:
        summary = ingest(store, [folder], release=folder.name, workers=1, timeout_s=LIMIT_S)
    except Exception:  # noqa: BLE001 - that an ingest ends is the finding
        tally.broken.append(f"traceback: {folder.name}: {traceback.format_exc(limit=-3)}")
        return
    if summary.files != len(mutants):
        tally.broken.append(f"unaccounted: {summary.files} of {len(mutants)} files")
    held: dict[str, list[StructureDocument]] = {}
    for document in store.structures.find({"releases": folder.name}):
        held.setdefault(Path(document.file.name).name, []).append(document)
    refused: set[str] = set()
    for refusal in store.rejections.find({"releases": folder.name}):
        refused.add(Path(refusal.subject.partition(" [")[0]).name)
        tally.counts[f"refused: {refusal.reason}"] += 1
        if refusal.reason == "limit_exceeded" and "took more" in refusal.message:
            tally.broken.append(f"over the limit: {refusal.subject}")
    for name, content in mutants.items():
        documents = held.get(name, [])
        if not documents and name not in refused:
            tally.broken.append(f"unaccounted: {name}")
        for document in documents:
            structure = store.crystals.get(document.crystal_id).to_structure()
            for site, label in zip(structure, document.site_labels, strict=True):
                site.label = label
            doubts = document.flags
            told = bool(document.warnings) or doubts.composition_mismatch or doubts.missing_hydrogen
            alone = len(documents) == 1 and name not in refused
            tally.judge(name, content, structure, told=told, alone=alone)


def without_code(content: bytes) -> bytes:
    """The file without its code in a database, which would make all mutants of a seed one material."""
    return re.sub(rb"_database_code_\S+.*\n", b"", content)


def main() -> None:
    """Make and read the mutants; print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    parser.add_argument("--show", type=int, default=5, help="broken mutants to show")
    parser.add_argument("--ingest", action="store_true", help="through a store")
    arguments = parser.parse_args()
    rng, tally, originals = random.Random(arguments.seed), Tally(), seeds()
    batch: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as open_ones:
        folder, n_batches = Path(temporary), 0
        if arguments.ingest:
            settings = Settings(home=folder / "home", mongo_uri=None)
            store = open_ones.enter_context(MTLStore.open(settings, begin=True))
        for number in range(arguments.mutants):
            seed = originals[number % len(originals)]
            if number % 10 == 9 and not arguments.ingest:
                try_archive(rng, seed, tally, folder)
                continue
            content, name = without_code(seed.content) if arguments.ingest else seed.content, seed.name
            for _ in range(rng.choice([1, 1, 2, 3])):
                content = rng.choice(MUTATIONS)(rng, content) or b" "
            if not arguments.ingest:
                try_mutant(rng, name, content, tally)
                continue
            batch[f"{number}-{name}"] = content
            if len(batch) == BATCH or number == arguments.mutants - 1:
                through_ingest(batch, tally, store, folder / f"batch{n_batches}")
                batch, n_batches = {}, n_batches + 1
    print(f"{arguments.mutants} mutants of {len(originals)} seeds, slowest {tally.slowest_s:.2f} s")
    for what, count in sorted(tally.counts.items()):
        print(f"  {count:6} {what}")
    print(f"  {len(tally.broken):6} broke a rule")
    for broken in tally.broken[: arguments.show]:
        print(broken)
    sys.exit(bool(tally.broken))


if __name__ == "__main__":
    main()

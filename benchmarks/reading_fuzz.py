"""Mutants of structure files: nothing may end the reader, get lost, take long or contradict itself without a word.

``python benchmarks/reading_fuzz.py --mutants 20000`` makes forty seeds of CIF, POSCAR, JSON and extended XYZ from known
crystals, changes each by its structure (lines and rows dropped, doubled, swapped; numbers scaled; text cut or encoded
anew; archives truncated and bits flipped) and reads every mutant. Of each mutant that is accepted what is left of
operations, Z, formula, volume and density is held against the sites by arithmetic of its own, on gemmi's reading of the
text; a mutant with nothing left to compare is counted apart. The exit code is 1 where a mutant breaks a rule.
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
from dataclasses import dataclass, field
from pathlib import Path

import gemmi
from pymatgen.core import Composition, Structure
from pymatgen.io.vasp import Poscar

from mtl_flows.errors import InputError
from mtl_flows.report.examples import shipped_table, write_examples
from mtl_flows.science.curation import flags
from mtl_flows.science.reading import ParsedStructure, check_structure, find_files, read_structures

Mutation = Callable[[random.Random, bytes], bytes]
N_SEEDS = 40
LIMIT_S = 20.0
_NUMBER = re.compile(rb"(?<![\w.])-?\d+\.?\d*(?:\(\d+\))?(?![\w.])")
_PART = rb"[-+xyzXYZ\d/. ]+"
_OPERATION = re.compile(rb"\s*(?:\d+\s+)?'?" + _PART + b"," + _PART + b"," + _PART + rb"'?\s*$")
_AVOGADRO_A3 = 1.66053907


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
        f"_exptl_crystal_density_diffrn {weight * _AVOGADRO_A3 / structure.volume:.4f}",
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


def left_statements(text: str) -> dict[str, float | str]:
    """Statements that gemmi finds in a text; empty where it cannot read it."""
    try:
        block = gemmi.cif.read_string(text).sole_block()
    except (RuntimeError, ValueError):
        return {}
    said: dict[str, float | str] = {}
    for key, tag in (
        ("Z", "_cell_formula_units_Z"),
        ("volume", "_cell_volume"),
        ("density", "_exptl_crystal_density_diffrn"),
    ):
        value = block.find_value(tag)
        number = gemmi.cif.as_number(value) if value else float("nan")
        if number == number and 0 < number < 1e9:
            said[key] = number
    if value := block.find_value("_chemical_formula_sum"):
        said["formula"] = " ".join(word.title() for word in gemmi.cif.as_string(value).split())
    ops = [gemmi.cif.as_string(v) for v in block.find_loop("_space_group_symop_operation_xyz")]
    ops = ops or [gemmi.cif.as_string(v) for v in block.find_loop("_symmetry_equiv_pos_as_xyz")]
    if ops:
        said["operations"] = ";".join(ops)
    return said


def contradicted(parsed: ParsedStructure, text: str) -> tuple[list[str], int]:
    """Statements left in a text that the structure contradicts, and how many there were to compare."""
    said, wrong, compared = left_statements(text), [], 0
    structure = parsed.structure
    composition = structure.composition.element_composition
    heavy = Composition({e.symbol: n for e, n in composition.items() if e.symbol != "H"})
    formula: Composition | None = None
    try:
        formula = Composition(str(said["formula"])) if "formula" in said else None
    except (ValueError, KeyError):
        formula = None
    if formula:
        wanted = Composition({e.symbol: n for e, n in formula.items() if e.symbol not in ("H", "D")})
        if wanted and heavy:
            compared += 1
            if any(
                abs(heavy.get_atomic_fraction(e) - wanted.get_atomic_fraction(e)) > 0.03
                for e in {*heavy, *wanted}
            ):
                wrong.append("formula")
            if "Z" in said:
                compared += 1
                ratio = heavy.num_atoms / (wanted.num_atoms * float(said["Z"]))
                whole = heavy.num_atoms / wanted.num_atoms
                if abs(ratio - 1) > 0.1 and abs(whole - 1) > 0.1:
                    wrong.append("Z")
    if "volume" in said:
        compared += 1
        if abs(structure.volume / float(said["volume"]) - 1) > 0.02:
            wrong.append("volume")
    if "density" in said:
        compared += 1
        ratio = composition.weight * _AVOGADRO_A3 / structure.volume / float(said["density"])
        if abs(ratio - 1) > 0.15 and abs(ratio * 1000 - 1) > 0.15:
            wrong.append("density")
    if "operations" in said:
        try:
            ops = [gemmi.Op(t).wrap() for t in str(said["operations"]).split(";")]
        except (RuntimeError, ValueError):
            return wrong, compared
        compared += 1
        texts = {op.triplet() for op in ops}
        if "x,y,z" not in texts or any((a * b).wrap().triplet() not in texts for a in ops[:6] for b in ops):
            wrong.append("operations")
    return wrong, compared


@dataclass
class Tally:
    """What became of the mutants."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


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
        wrong, compared = (
            contradicted(parsed, content.decode("utf-8", "replace")) if len(blocks) == 1 else ([], 0)
        )
        doubts = flags(parsed)
        told = bool(parsed.warnings) or doubts.composition_mismatch or doubts.missing_hydrogen
        if not compared:
            tally.counts["accepted, nothing to compare"] += 1
        elif not wrong:
            tally.counts["accepted, agrees"] += 1
        elif told:
            tally.counts["accepted with a note"] += 1
        else:
            tally.counts["accepted, contradicts silently"] += 1
            tally.broken.append(
                f"silent: {name}: {', '.join(wrong)}\n{content.decode('utf-8', 'replace')[:3000]}"
            )


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


def main() -> None:
    """Make and read the mutants; print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    parser.add_argument("--show", type=int, default=5, help="broken mutants to show")
    arguments = parser.parse_args()
    rng, tally, originals = random.Random(arguments.seed), Tally(), seeds()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.mutants):
            seed = originals[number % len(originals)]
            if number % 10 == 9:
                try_archive(rng, seed, tally, Path(folder))
                continue
            content, name = seed.content, seed.name
            for _ in range(rng.choice([1, 1, 2, 3])):
                content = rng.choice(MUTATIONS)(rng, content) or b" "
            try_mutant(rng, name, content, tally)
    print(f"{arguments.mutants} mutants of {len(originals)} seeds, slowest {tally.slowest_s:.2f} s")
    for what, count in sorted(tally.counts.items()):
        print(f"  {count:6} {what}")
    print(f"  {len(tally.broken):6} broke a rule")
    for broken in tally.broken[: arguments.show]:
        print(broken)
    sys.exit(bool(tally.broken))


if __name__ == "__main__":
    main()

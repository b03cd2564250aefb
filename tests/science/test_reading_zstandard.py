"""Archives and files compressed by Zstandard, which needs the extra ``zstd``."""

import io
import random
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mtl_flows.errors import InputError, LimitExceededError, UnreadableStructureError
from mtl_flows.science.reading import ParsedStructure, find_files, read_structures

CIF = """data_x
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Li 0 0 0
F 0.5 0.5 0.5
"""


@pytest.fixture
def zstandard() -> Any:
    return pytest.importorskip("zstandard", reason="the extra zstd is not installed: mtl-flows[zstd]")


def tar(n: int, *, padding: int = 0, noise: int = 0) -> bytes:
    """A tar archive of so many crystals, each followed by blanks, or by a comment that cannot be compressed much."""
    buffer = io.BytesIO()
    rng = random.Random(0)
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number in range(n):
            content = (CIF + " " * padding + f"#{rng.randbytes(noise // 2).hex()}").encode()
            info = tarfile.TarInfo(f"m{number}.cif")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read(path: Path, content: bytes) -> list[str | InputError]:
    """Names of the structures that a file gives, and what is refused."""
    path.write_bytes(content)
    found: list[str | InputError] = []
    for file in find_files([path]):
        if isinstance(file.content, InputError):
            found.append(file.content)
            continue
        for block in read_structures((file.name, file.content)):
            good = isinstance(block.result, ParsedStructure)
            found.append(Path(file.name).name if good else block.result)
    return found


@pytest.mark.parametrize("name", ["a.tar.zst", "a.tzst"])
def test_members_are_read(zstandard: Any, tmp_path: Path, name: str) -> None:
    plain = tar(3)
    assert read(tmp_path / name, zstandard.compress(plain)) == ["m0.cif", "m1.cif", "m2.cif"]
    # Compressed by several threads, or appended to: one frame behind the other.
    frames = zstandard.compress(plain[:1024]) + zstandard.compress(plain[1024:])
    assert read(tmp_path / name, frames) == ["m0.cif", "m1.cif", "m2.cif"]


def test_a_single_file_is_read(zstandard: Any, tmp_path: Path) -> None:
    assert read(tmp_path / "a.cif.zst", zstandard.compress(CIF.encode())) == ["a.cif"]


@pytest.mark.parametrize("name", ["a.tar.zst", "a.cif.zst"])
def test_a_bomb_is_refused(zstandard: Any, tmp_path: Path, name: str) -> None:
    content = tar(1, padding=2**26) if "tar" in name else b" " * 2**26
    (refusal,) = read(tmp_path / name, zstandard.compress(content))
    assert isinstance(refusal, LimitExceededError)


def test_damage_is_told_and_what_precedes_it_is_read(zstandard: Any, tmp_path: Path) -> None:
    packed = zstandard.compress(tar(60, noise=8000))
    found = read(tmp_path / "a.tar.zst", packed[: len(packed) // 2])
    names = [one for one in found if isinstance(one, str)]
    assert 15 < len(names) < 45
    assert names == [f"m{number}.cif" for number in range(len(names))]
    assert [type(refusal) for refusal in found[len(names) :]] == [UnreadableStructureError] * 2, (
        "it, the archive"
    )
    (refusal,) = read(tmp_path / "b.tar.zst", b"no frame at all")
    assert isinstance(refusal, UnreadableStructureError)
    assert "broken archive" in refusal.message


@pytest.mark.parametrize("name", ["a.tar.zst", "a.cif.zst"])
def test_without_the_extra_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    (refusal,) = read(tmp_path / name, b"\x28\xb5\x2f\xfd")
    assert isinstance(refusal, UnreadableStructureError)
    assert "mtl-flows[zstd]" in refusal.remedy

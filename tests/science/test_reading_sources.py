"""Finding files in folders and archives."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from mtl_flows.errors import InputError, LimitExceededError, UnreadableStructureError
from mtl_flows.science.reading import find_files, limits


def found(*sources: str | Path) -> dict[str, bytes | InputError]:
    return {file.name: file.content for file in find_files(sources)}


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "release"
    (home / "b").mkdir(parents=True)
    (home / ".git").mkdir()
    for name in ("z.cif", "a.CIF", "b/POSCAR", "b/x.json", "readme.txt", ".hidden.cif", ".git/y.cif"):
        (home / name).write_bytes(name.encode())
    return home


def test_folder_to_the_bottom_in_order(folder: Path) -> None:
    assert list(found(folder).items()) == [
        ("release/a.CIF", b"a.CIF"),
        ("release/b/POSCAR", b"b/POSCAR"),
        ("release/b/x.json", b"b/x.json"),
        ("release/z.cif", b"z.cif"),
    ]


def test_names_do_not_depend_on_how_the_folder_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert found(".") == found(folder) == found(folder / "b" / "..")


def test_named_file_is_taken_whatever_its_name(folder: Path) -> None:
    assert found(folder / "readme.txt") == {"readme.txt": b"readme.txt"}


def test_pattern(folder: Path) -> None:
    assert set(found(str(folder / "*.cif"))) == {"z.cif"}
    assert set(found(str(folder / "**" / "*.json"))) == {"x.json"}


def test_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "Li[1].cif").write_bytes(b"x")
    assert found(tmp_path / "Li[1].cif") == {"Li[1].cif": b"x"}


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("r.zip", zipped),
        ("r.tar", lambda m: tarred(m, "w")),
        ("r.tar.gz", tarred),
        ("r.tgz", tarred),
        ("r.tar.xz", lambda m: tarred(m, "w:xz")),
        ("r.tar.bz2", lambda m: tarred(m, "w:bz2")),
    ],
)
def test_archives(tmp_path: Path, name: str, pack) -> None:
    members = {
        "in/b.cif": b"b",
        "a.cif.gz": gzip.compress(b"a"),
        "notes.txt": b"n",
        "__MACOSX/._b.cif": b"junk",
    }
    (tmp_path / name).write_bytes(pack(members))
    assert found(tmp_path / name) == {f"{name}/in/b.cif": b"b", f"{name}/a.cif": b"a"}


def test_archive_in_an_archive_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "outer.zip").write_bytes(zipped({"inner.tgz": tarred({"x.cif": b"x"})}))
    assert found(tmp_path) == {f"{tmp_path.name}/outer.zip/inner.tgz/x.cif": b"x"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.zip", b"no archive"),
        ("x.tar.gz", b"no archive"),
        ("x.tgz", tarred({"a.cif": b"a" * 5000})[:60]),
        ("x.cif.gz", b"no gzip"),
        ("x.cif.gz", gzip.compress(b"a" * 5000)[:-12]),
        ("x.zip", zipped({"notes.txt": b"n"})),
    ],
    # Archives hold the time they were made: their bytes would name the cases differently in each process.
    ids=["no zip", "no tar", "cut tar", "no gzip", "cut gzip", "nothing inside"],
)
def test_broken_archives_are_reported_and_the_rest_goes_on(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "z.cif").write_bytes(b"z")
    first, second = found(tmp_path).values()
    assert isinstance(first, UnreadableStructureError)
    assert name.removesuffix(".gz") in first.subject
    assert second == b"z"


def test_damaged_member_leaves_the_others(tmp_path: Path) -> None:
    raw = bytearray(zipped({"a.cif": b"a" * 50, "b.cif": b"b" * 50}))
    raw[raw.index(b"a.cif") + 8] ^= 0xFF
    (tmp_path / "x.zip").write_bytes(raw)
    members = found(tmp_path / "x.zip")
    assert isinstance(members["x.zip/a.cif"], UnreadableStructureError)
    assert members["x.zip/b.cif"] == b"b" * 50


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.cif").write_bytes(b"a")

    def refuse(self: Path, mode: str = "r") -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    (content,) = found(tmp_path).values()
    assert isinstance(content, UnreadableStructureError)
    assert content.message == "Permission denied"


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack) -> None:
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 100)
    name = "x.zip" if pack is zipped else "x.tgz"
    (tmp_path / name).write_bytes(
        pack({"a.cif": b"a" * 101, "b.cif.gz": gzip.compress(b"b" * 101), "c.cif": b"c"})
    )
    contents = found(tmp_path / name)
    assert isinstance(contents[f"{name}/a.cif"], LimitExceededError)
    assert isinstance(contents[f"{name}/b.cif"], LimitExceededError)
    assert contents[f"{name}/c.cif"] == b"c"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none", "no such file or folder"),
        ("none/*.cif", "no file or folder matches"),
        ("empty", "holds no structure file"),
    ],
)
def test_nothing_there_is_an_error_at_once(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "z.cif").write_bytes(b"z")
    with pytest.raises(InputError, match=message) as caught:
        find_files([tmp_path / "z.cif", tmp_path / source])
    assert str(tmp_path / source) in str(caught.value)
    assert caught.value.remedy

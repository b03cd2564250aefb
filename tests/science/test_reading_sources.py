"""Finding files in folders and archives."""

import gzip
import io
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from mtl_flows.errors import InputError, LimitExceededError, UnreadableStructureError
from mtl_flows.science.reading import find_files, limits


def found(*sources: str | Path) -> dict[str, bytes | InputError]:
    return {file.name: file.content for file in find_files(sources)}


def test_how_much_is_read_is_known_before_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text("x" * 1000)
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        for number in range(3):
            member = tarfile.TarInfo(f"{number}.cif")
            member.size = 50_000
            archive.addfile(member, io.BytesIO(bytes(50_000)))
    (tmp_path / "c.cif").symlink_to(tmp_path / "nowhere")
    found = find_files([tmp_path])
    shares = [found.share, *(found.share for _ in found), found.share]
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert shares == sorted(shares)
    assert 0.2 < shares[2] < 0.6 < shares[3] < 0.8


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


def refusals(files: dict[str, bytes | InputError]) -> dict[str, str]:
    return {name: content.message for name, content in files.items() if isinstance(content, InputError)}


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_corrupt_member_of_any_compression(tmp_path: Path, method: int) -> None:
    content = bytes(range(256)) * 20
    with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
        for name in ("a.cif", "b.cif", "c.cif"):
            archive.writestr(name, content)
    raw = bytearray((tmp_path / "x.zip").read_bytes())
    start = raw.index(b"b.cif") + len("b.cif")
    for place in range(start + 8, start + 80):
        raw[place] ^= 0x5A
    (tmp_path / "x.zip").write_bytes(raw)
    files = found(tmp_path / "x.zip")
    assert list(refusals(files)) == ["x.zip/b.cif"]
    assert files["x.zip/a.cif"] == files["x.zip/c.cif"] == content


def test_zip_without_its_directory_is_read_member_by_member(tmp_path: Path) -> None:
    raw = zipped({"a.cif": b"a" * 500, "b.cif": b"b" * 500, "c.cif": bytes(range(256)) * 9})
    (tmp_path / "x.zip").write_bytes(raw[: raw.index(b"c.cif") + 40])
    files = found(tmp_path / "x.zip")
    assert files["x.zip/a.cif"] == b"a" * 500
    assert files["x.zip/b.cif"] == b"b" * 500
    assert set(refusals(files)) == {"x.zip/c.cif", "x.zip"}


def test_damaged_header_of_a_tar_loses_its_member_alone(tmp_path: Path) -> None:
    raw = bytearray(tarred({f"{i}.cif": b"x" * 700 for i in range(4)}, "w"))
    place = raw.index(b"1.cif")
    raw[place + 10 : place + 20] = b"Z" * 10
    (tmp_path / "x.tar").write_bytes(raw)
    files = found(tmp_path / "x.tar")
    assert refusals(files) == {"x.tar/1.cif": f"damaged header at byte {place} of the archive"}
    assert [name for name, content in files.items() if content == b"x" * 700] == [
        "x.tar/0.cif",
        "x.tar/2.cif",
        "x.tar/3.cif",
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_truncated_tar_gives_what_is_left_and_says_so(tmp_path: Path, mode: str) -> None:
    rng = random.Random(0)
    members = {f"{i}.cif": rng.randbytes(30_000) for i in range(40)}
    raw = tarred(members, mode)
    name = "x.tar" + mode[1:].replace(":", ".")
    (tmp_path / name).write_bytes(raw[: int(len(raw) * 0.8)])
    files = found(tmp_path / name)
    whole = [key for key, content in files.items() if not isinstance(content, InputError)]
    assert len(whole) >= 10
    assert all(files[key] == members[key.rpartition("/")[2]] for key in whole)
    assert refusals(files)


def test_names_that_are_no_utf8_are_written_out(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.cif")).write_bytes(b"a")
    assert found(folder) == {"f/caf\\xe9.cif": b"a"}
    with tarfile.open(tmp_path / "x.tar", "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo("caf\xe9.cif")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"a"))
    assert found(tmp_path / "x.tar") == {"x.tar/caf\\xe9.cif": b"a"}


def test_what_bears_the_name_of_a_file_and_is_none(tmp_path: Path) -> None:
    (tmp_path / "good.cif").write_bytes(b"a")
    os.mkfifo(tmp_path / "fifo.cif")
    (tmp_path / "dangling.cif").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.cif").symlink_to(tmp_path / "loop.cif")
    (tmp_path / "linked").symlink_to(tmp_path)
    files = {name.rpartition("/")[2]: content for name, content in found(tmp_path).items()}
    assert files.pop("good.cif") == b"a"
    assert refusals(files).keys() == {"fifo.cif", "dangling.cif", "loop.cif", "linked"}
    assert refusals(found(tmp_path / "fifo.cif")) == {"fifo.cif": "is a FIFO, no file"}


def test_links_and_devices_in_a_tar_and_paths_that_leave_it(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, kind in (
            ("s.cif", tarfile.SYMTYPE),
            ("h.cif", tarfile.LNKTYPE),
            ("p.cif", tarfile.FIFOTYPE),
            ("d.cif", tarfile.CHRTYPE),
            ("latest", tarfile.SYMTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "elsewhere"
            archive.addfile(info)
        for name in ("../up.cif", "/etc/abs.cif"):
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"a"))
    files = found(tmp_path / "x.tar")
    assert len(refusals(files)) == 5
    assert files["x.tar/../up.cif"] == files["x.tar//etc/abs.cif"] == b"a"


def test_sparse_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "s.cif").open("wb") as stream:
        stream.truncate(2**30)
    assert isinstance(found(tmp_path / "s.cif")["s.cif"], LimitExceededError)


def bomb(depth: int) -> bytes:
    content = zipped({"a.cif": b"0" * 60_000_000})
    for _ in range(depth):
        content = zipped({f"{i}.zip": content for i in range(16)})
    return content


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_bombs_are_refused_before_they_unfold(tmp_path: Path, depth: int) -> None:
    (tmp_path / "x.zip").write_bytes(bomb(depth))
    tracemalloc.start()
    contents = list(found(tmp_path / "x.zip").values())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert contents
    assert all(isinstance(content, LimitExceededError) for content in contents)
    assert peak < 150 * 2**20


def test_archives_that_nothing_reads_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    (tmp_path / "y.rar").write_bytes(b"Rar!")
    assert len(refusals(found(tmp_path))) == 2


def test_unreadable_folder_is_told() -> None:
    """Run without root's rights, whom no folder stops; in a folder that everybody reaches, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as reached:
        Path(reached).chmod(0o755)
        home = Path(reached) / "release"
        (home / "closed").mkdir(parents=True)
        (home / "closed" / "a.cif").write_bytes(b"a")
        (home / "b.cif").write_bytes(b"b")
        (home / "closed").chmod(0)
        script = (
            "import os\n"
            "from mtl_flows.science.reading.sources import find_files\n"
            "if os.getuid() == 0:\n"
            "    os.setgid(65534); os.setuid(65534)\n"
            f"for file in find_files([{str(home)!r}]):\n"
            "    print(file.name, getattr(file.content, 'message', file.content))\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        (home / "closed").chmod(0o755)
    assert done.stdout.splitlines() == ["release/b.cif b'b'", "release/closed Permission denied"], done.stderr


def test_no_archive_is_blamed_for_a_lack_of_room(tmp_path: Path) -> None:
    """The system refuses a larger temporary file, in a process of its own."""
    (tmp_path / "outer.zip").write_bytes(
        zipped({"inner.zip": zipped({"a.cif": random.Random(1).randbytes(9000)})})
    )
    code = (
        "import resource, sys; from mtl_flows.errors import ConfigurationError; "
        "from mtl_flows.science.reading import find_files, sources; sources._SPOOLED_BYTES = 100; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: list(find_files(sys.argv[1:]))\n"
        "except ConfigurationError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "outer.zip")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "outer.zip/inner.zip" in told
    assert "let TMPDIR name a folder with more" in told

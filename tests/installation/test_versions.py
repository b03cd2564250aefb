"""The version is that of the nearest tag, wherever the package is built."""

import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

import mtl_flows

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What a build needs, without history."""
    folder = tmp_path / "a tree"
    (folder / "examples").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", "examples/compounds.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "mtl_flows").mkdir()
    (folder / "mtl_flows" / "__init__.py").touch()
    return folder


def git(folder: Path, *arguments: str) -> None:
    named = (
        "-c",
        "user.name=somebody",
        "-c",
        "user.email=somebody@example.org",
        "-c",
        "commit.gpgsign=false",
    )
    subprocess.run(["git", *named, *arguments], cwd=folder, check=True, capture_output=True)


def build(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "hatchling", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_running_code_knows_its_version() -> None:
    assert mtl_flows.__version__ == version("mtl-flows")
    assert Version(mtl_flows.__version__)


def test_files_that_tell_nothing_are_built(tree: Path) -> None:
    assert build(tree, "version") == "0.0"


def test_a_clone_without_tags_counts_from_nothing_and_a_tag_names_it(tree: Path) -> None:
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "one")
    untagged = Version(build(tree, "version"))
    assert untagged.is_devrelease
    assert untagged < Version("0.1.0")
    git(tree, "tag", "v1.2.3")
    assert build(tree, "version") == "1.2.3"

    build(tree, "build", "-t", "sdist", "-d", str(tree.parent / "dist"))
    (archive,) = (tree.parent / "dist").glob("mtl_flows-1.2.3.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tree.parent / "unpacked", filter="data")
    (unpacked,) = (tree.parent / "unpacked").iterdir()
    assert build(unpacked, "version") == "1.2.3"
    build(unpacked, "build", "-t", "wheel", "-d", str(tree.parent / "dist"))
    assert (tree.parent / "dist" / "mtl_flows-1.2.3-py3-none-any.whl").exists()

    (tree / "README.md").write_text("changed")
    git(tree, "commit", "--quiet", "--all", "--message", "two")
    later = Version(build(tree, "version"))
    assert Version("1.2.3") < later < Version("1.2.4")

"""What a command loads before it answers."""

import subprocess
import sys

import pytest
from cli_answers import environment
from samples import fill_screened

from mtl_flows.store.database import MTLStore

_CODE = """
import sys
from mtl_flows.cli import main
sys.argv = ["mtl", *{arguments}]
try:
    main()
finally:
    print("loaded:", *sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "most"),
    [(["--help"], 440), (["query"], 680), (["query", "--survivors", "--limit", "3", "--csv"], 680)],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_answers_come_without_arrays_and_structures(
    store: MTLStore, server: str, arguments: list[str], most: int
) -> None:
    fill_screened(store)
    ended = subprocess.run(
        [sys.executable, "-c", _CODE.format(arguments=arguments)],
        env=environment(MTL_MONGO_URI=server),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = ended.stderr.partition("loaded:")[2].split()
    assert {name.split(".")[0] for name in loaded} & {
        "numpy",
        "scipy",
        "pymatgen",
        "jobflow",
        "fireworks",
    } == set()
    assert len(loaded) < most

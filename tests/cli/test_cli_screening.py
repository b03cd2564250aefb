"""`mtl screening`, and `--screening` of the commands that read candidates."""

import json

import pytest
from cli_answers import Mtl
from samples import SCREENED, fill, fill_screened, screen

from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore


@pytest.fixture
def screened(store: MTLStore, server: str) -> MTLStore:
    return fill_screened(store)


def strict(folder: pytest.TempPathFactory) -> str:
    path = folder.mktemp("parameters") / "strict.yaml"
    path.write_text("thresholds: {r_connected_A: 3.0}\nchemistry:\n  disabled_rules: [1]\n")
    return str(path)


def test_a_second_screening_stands_beside(
    mtl_here: Mtl, screened: MTLStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = list(screened.candidates.find())
    answer = mtl_here("screen", "-j", 0, "--screening", "tight", "--parameters", strict(tmp_path_factory))
    assert answer.code == 0, answer.err
    assert list(screened.candidates.find()) == before
    listed = json.loads(mtl_here("screening", "list", "--json").out)
    assert [(s["name"], s["default"], s["materials"]) for s in listed] == [
        ("Li", True, len(SCREENED)),
        ("tight", False, len(SCREENED)),
    ]
    assert "Li (default)" in mtl_here("screening", "list").out
    # Several, and none named: which is meant is said on standard error.
    plain = mtl_here("query", "--json")
    assert "screening Li, the default" in plain.err
    assert {row["screening"] for row in json.loads(plain.out)} == {"Li"}
    named = mtl_here("query", "--screening", "tight", "--json", "--with-dropped")
    assert "is the default" not in named.err
    assert {row["screening"] for row in json.loads(named.out)} == {"tight"}
    rules = {
        name: json.loads(mtl_here("explain", "icsd-34280", "--screening", name, "--json").out)["rules"]
        for name in ("Li", "tight")
    }
    assert [rules[name][0]["passed"] for name in ("Li", "tight")] == [False, True]
    compared = json.loads(mtl_here("screening", "compare", "Li", "tight", "--json").out)
    assert compared["parameters"] == {
        "chemistry.disabled_rules": [[], [1]],
        "thresholds.r_connected_A": [5.0, 3.0],
    }
    told = mtl_here("screening", "compare", "Li", "tight").out
    assert "thresholds.r_connected_A" in told
    assert "connectivity" in told

    assert mtl_here("screening", "default", "tight").code == 0
    assert screened.screening == "tight"
    assert mtl_here("screening", "remove", "tight").code == 0
    assert (screened.screenings.names(), screened.screening) == (["Li"], "Li")
    assert screened.candidates.raw.count_documents({}) == len(SCREENED)


def test_a_name_stands_for_its_parameters(
    mtl_here: Mtl, screened: MTLStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    refused = mtl_here("screen", "-j", 0, "--parameters", strict(tmp_path_factory))
    assert (refused.code, "thresholds, chemistry differ" in refused.err) == (4, True), refused.err
    assert "--screening NAME" in refused.err
    # What a screening goes by comes back as a file, and the file means the same screening.
    text = mtl_here("screening", "show", "Li", "--yaml").out
    path = tmp_path_factory.mktemp("again") / "li.yaml"
    path.write_text(text)
    assert "nothing to do" in mtl_here("screen", "-j", 0, "--parameters", path).err
    assert "r_connected_A: 5.0" in mtl_here("screening", "show").out


def test_ions_that_nothing_holds_are_refused(mtl_here: Mtl, screened: MTLStore) -> None:
    nobody = mtl_here("screen", "-m", "Na", "-j", 0)
    assert (nobody.code, "mtl ingest -m Na" in nobody.err) == (5, True), nobody.err
    assert mtl_here("screen", "-m", "Qq", "-j", 0).code == 4
    assert screened.screenings.names() == ["Li"]
    assert mtl_here("screen", "--screening", "Li", "-m", "Br", "-j", 0).code == 4


def test_another_ion_says_what_it_lacks(mtl_here: Mtl, screened: MTLStore) -> None:
    answer = mtl_here("screen", "-m", "Br", "-j", 0)
    assert answer.code == 0, answer.err
    assert "no known conductor of Br" in answer.err
    assert "mtl label ID --known -m Br" in answer.err.replace("\n", " ")
    assert screened.screenings.names() == ["Br", "Li"]


def test_what_does_not_exist_is_named(mtl_here: Mtl, screened: MTLStore) -> None:
    for command in (
        ("query", "--screening", "nobody"),
        ("screening", "show", "nobody"),
        ("screening", "compare", "Li", "nobody"),
        ("screening", "default", "nobody"),
        ("screening", "remove", "nobody"),
        ("status", "--screening", "nobody"),
        ("launch", "--screening", "nobody"),
    ):
        answer = mtl_here(*command)
        assert (answer.code, "there is Li" in answer.err) == (5, True), (command, answer.err)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("chemistry: {max_element: 3}", "max_element"),
        ("- 1", "no sections"),
        ("chemistry: {max_elements: many}", "integer"),
        ("chemistry: {disabled_rules: [99]}", "rule 99"),
        ("mobile_ion: Na", "is about Na"),
        ("topologie: {}", "topologie"),
    ],
)
def test_a_wrong_file_is_refused(
    mtl_here: Mtl,
    store: MTLStore,
    server: str,
    tmp_path_factory: pytest.TempPathFactory,
    text: str,
    wrong: str,
) -> None:
    fill(store, "licl")
    path = tmp_path_factory.mktemp("wrong") / "wrong.yaml"
    path.write_text(text)
    answer = mtl_here("screen", "-j", 0, "--screening", "x", "--parameters", path)
    assert (answer.code, wrong in answer.err) == (4, True), answer.err
    assert store.screenings.names() == []


def test_an_update_of_a_stage_is_announced_and_done_in_place(mtl_here: Mtl, screened: MTLStore) -> None:
    screened.screenings.raw.update_one({"_id": "Li"}, {"$set": {"versions.topology": 0}})
    assert "topology has another version now" in mtl_here("screen", "-j", 0).err
    assert "another version" not in mtl_here("screen", "-j", 0).err


def test_screening_in_python_and_on_the_command_line_is_one(
    mtl_here: Mtl, store: MTLStore, server: str
) -> None:
    screen(store, fill(store, *SCREENED), ScreeningParameters())
    assert "nothing to do" in mtl_here("screen", "-j", 0).err

"""What materials are called, at one source and at several."""

import pytest

from mtl_flows.science.naming import bare_name, material_id, names, source_key


@pytest.mark.parametrize(
    ("codes", "stem", "source", "expected"),
    [
        (["icsd-7"], "x", "", "icsd-7"),
        ([], "x", "", "x"),
        (["icsd-7"], "x", "ICSD", "icsd-7"),
        (["icsd-7"], "x", "COD", "icsd-7@cod"),
        (["icsd-7", "cod-9"], "x", "COD", "cod-9"),
        (["icsd-7", "cod-9"], "x", "Our Lab", "icsd-7@our-lab"),
        ([], "LiX", "ICSD", "LiX@icsd"),
        ([], "icsd-7", "icsd", "icsd-7"),
        ([], "mp-149", "MP", "mp-149"),
        ([], "mpeg", "MP", "mpeg@mp"),
    ],
)
def test_ids(codes: list[str], stem: str, source: str, expected: str) -> None:
    assert material_id(codes, stem, source) == expected
    assert bare_name(expected) == next(iter([c for c in codes if c.startswith(expected[:4])] or [stem]))


def test_sources_differ_in_more_than_case_and_punctuation() -> None:
    assert source_key("Our  Lab ") == source_key("our-lab") != source_key("our lab 2")
    assert source_key("材料") == "材料"
    assert source_key(" ?") == ""


def test_names_are_what_it_answers_to() -> None:
    assert names("LiX@icsd") == ["lix@icsd", "lix"]
    assert names("icsd-7@cod", ["icsd-7", "cod-9"]) == ["icsd-7@cod", "icsd-7", "cod-9"]
    assert names("icsd-7", ["icsd-7"]) == ["icsd-7"]

"""The CIF syntax, token by token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_flows.science.reading.cif import number, parse_cif


def values(text: str) -> dict[str, list[str]]:
    (block,) = parse_cif(f"data_x\n{text}")
    return block.values


def test_blocks_stay_apart_even_if_they_share_a_name() -> None:
    blocks = parse_cif("data_a\n_x 1\nDATA_a\n_x 2\ndata_\n_x 3\n")
    assert [(b.name, b.values) for b in blocks] == [
        ("a", {"_x": ["1"]}),
        ("a", {"_x": ["2"]}),
        ("", {"_x": ["3"]}),
    ]


def test_text_before_the_first_block_is_passed_over() -> None:
    assert parse_cif("some words\n_x 1\n") == []
    assert parse_cif("") == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("_a 1.5(2)", "1.5(2)"),
        ("_A 'two words'", "two words"),
        ('_a "it\'s"', "it's"),
        ("_a 'O1' '", "O1' "[:2]),
        ("_a\n;first\n second\n;\n", "first second"),
        ("_a O1'", "O1'"),
        ("_a x#y", "x#y"),
        ("_a 'x # y' # comment", "x # y"),
        ("# before\n_a 1", "1"),
        ("_a ''", ""),
    ],
)
def test_values(written: str, read: str) -> None:
    assert values(written)["_a"] == [read]


def test_comment_signs_inside_a_text_field_belong_to_it() -> None:
    assert values("_a\n;\n# no comment\ndata_not\n;\n_b 2") == {"_a": ["# no comment data_not"], "_b": ["2"]}


def test_loop() -> None:
    assert values("loop_\n_a _b\n1 2\n3 'x y'\n_c 5") == {"_a": ["1", "3"], "_b": ["2", "x y"], "_c": ["5"]}


def test_loops_end_at_tags_loops_and_blocks_but_not_at_quoted_ones() -> None:
    first, second = parse_cif("data_a loop_ _a 1 '_b' loop_ _c 2 data_b _a 3")
    assert first.values == {"_a": ["1", "_b"], "_c": ["2"]}
    assert second.values == {"_a": ["3"]}


def test_empty_loop_is_harmless() -> None:
    assert values("loop_\n_a\n_b\nloop_\n_c\n1\n") == {"_c": ["1"]}


def test_ragged_loop_is_noticed() -> None:
    (block,) = parse_cif("data_x\nloop_\n_a\n_b\n1 2 3\n")
    assert block.ragged == {"_a", "_b"}
    assert block.values == {}


def test_first_statement_of_a_tag_holds() -> None:
    assert values("_a 1\n_a 2") == {"_a": ["1"]}


def test_newer_dictionaries_write_dots() -> None:
    assert values("_cell.length_a 3\nloop_\n_atom_site.Fract_x\n0.1\n") == {
        "_cell_length_a": ["3"],
        "_atom_site_fract_x": ["0.1"],
    }


def test_first_skips_what_is_unknown() -> None:
    (block,) = parse_cif("data_x\n_a ?\n_b .\n_c here\n")
    assert block.first("_none", "_a", "_b", "_c") == "here"
    assert block.first("_a") == ""
    assert block.column("_none", "_c") == ["here"]
    assert block.column("_none") == []


@pytest.mark.parametrize(
    ("text", "value"), [("1.234(5)", 1.234), ("-.5", -0.5), ("1e-3", 1e-3), ("12(", 12.0)]
)
def test_number(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "?", ".", "x", "nan", "inf", "1,5"])
def test_no_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|not finite"):
        number(text)


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1).filter(
    lambda s: s[0] not in "_#'\";$[]" and not s.lower().startswith(("data_", "loop_", "save_"))
)


@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1))
def test_any_loop_survives_writing_and_reading(rows: list[tuple[str, str]]) -> None:
    text = "data_x\nloop_\n_a\n_b\n" + "\n".join(f"{a} {b}" for a, b in rows)
    (block,) = parse_cif(text)
    assert list(zip(block.values["_a"], block.values["_b"], strict=True)) == rows


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    for block in parse_cif(text):
        assert all(isinstance(value, str) for column in block.values.values() for value in column)

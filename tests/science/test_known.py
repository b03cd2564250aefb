"""The article's list of known conductors, and how ids are compared."""

import numpy as np

from mtl_flows.science.known import canonical_id, is_known, load_known_conductors


def test_the_articles_list():
    known = load_known_conductors()
    assert len(known) == 193
    assert "icsd-157654" in known  # Li7P3S11
    assert all(i.startswith("icsd-") and i[5:].isdecimal() for i in known)


def test_ids_are_compared_without_case_or_blanks():
    assert canonical_id(" ICSD-157654\n") == "icsd-157654"
    marked = is_known(["ICSD-157654", "icsd-1", "My-Own"], [*load_known_conductors(), "my-own "])
    assert marked.tolist() == [True, False, True]
    assert is_known([], load_known_conductors()).dtype == np.bool_

"""A short run of the mutants; the long one is `benchmarks/reading_fuzz.py`."""

import random
from pathlib import Path

import reading_fuzz


def test_mutants_break_no_rule(tmp_path: Path) -> None:
    rng, tally, seeds = random.Random(11), reading_fuzz.Tally(), reading_fuzz.seeds()
    assert len(seeds) == reading_fuzz.N_SEEDS
    for number in range(240):
        seed = seeds[number % len(seeds)]
        if number % 10 == 9:
            reading_fuzz.try_archive(rng, seed, tally, tmp_path)
        else:
            content = rng.choice(reading_fuzz.MUTATIONS)(rng, seed.content) or b" "
            reading_fuzz.try_mutant(rng, seed.name, content, tally)
    assert tally.broken == []
    assert tally.counts["accepted with a note"] > 0


def test_what_breaks_a_rule_is_seen() -> None:
    """The referee counts for itself: a crystal against the statements of another."""
    seeds = [seed for seed in reading_fuzz.seeds() if seed.name.endswith(".cif")]
    (block,) = reading_fuzz.read_structures((seeds[0].name, seeds[0].content))
    assert isinstance(block.result, reading_fuzz.ParsedStructure)
    assert reading_fuzz.contradicted(block.result, seeds[0].content.decode()) == ([], 5)
    wrong, compared = reading_fuzz.contradicted(block.result, seeds[1].content.decode())
    assert compared == 5
    assert set(wrong) >= {"formula", "volume"}

"""A short run of the mutants; the long one is `benchmarks/reading_fuzz.py`."""

import random
import re
from pathlib import Path

import reading_fuzz
from reading_referee import contradicted

from mtl_flows.store.database import MTLStore


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
    structure, own = block.result.structure, seeds[0].content.decode()
    assert contradicted(structure, own) == ([], 5 + len(set(structure.labels)))
    wrong, compared = contradicted(structure, seeds[1].content.decode())
    assert compared >= 5
    assert set(wrong) >= {"formula", "volume"}
    stated = re.sub(r"^(Li1 Li .*) \d+$", r"\1 3", own, flags=re.MULTILINE)
    assert stated != own
    assert contradicted(structure, stated)[0] == ["multiplicity of Li1"]
    structure.remove_sites([0])
    assert any(what.startswith("multiplicity of") for what in contradicted(structure, own)[0])


def test_mutants_through_ingest_break_no_rule(store: MTLStore, tmp_path: Path) -> None:
    rng, tally = random.Random(12), reading_fuzz.Tally()
    mutants = {
        f"{number}-{seed.name}": reading_fuzz.without_code(
            rng.choice(reading_fuzz.MUTATIONS)(rng, seed.content)
        )
        for number, seed in enumerate(reading_fuzz.seeds())
    }
    mutants["good-one.cif"] = reading_fuzz.without_code(reading_fuzz.seeds()[0].content)
    reading_fuzz.through_ingest(mutants, tally, store, tmp_path / "mutants")
    assert tally.broken == []
    assert tally.counts["accepted, agrees"] > 0

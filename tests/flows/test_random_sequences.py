"""A store that was lived in ends as a clean one that is given what is there now.

Random sequences of what happens to a store: two of them by default, another number with ``SEQUENCES=20``.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from lived_store import (
    P,
    Store,
    computed,
    doubled,
    groups,
    partly_occupied,
    plain,
    refusals,
    rows,
    stretched,
)
from samples import contents, label

from mtl_flows.jobs.groups import find_groups
from mtl_flows.jobs.ingest import guard_with
from mtl_flows.jobs.releases import close_release
from mtl_flows.science.duplicates import DuplicateParameters
from mtl_flows.science.topology import PrescreenThresholds
from mtl_flows.stages import ScreeningParameters

SLUGS = ("licl", "li3ocl", "li2o", "li3sbs4", "li3bn2-alpha")
SOURCES = ("ICSD", "Our lab")
BROKEN = "data_broken\n_cell_length_a ?\n"
STAGES = (
    "barcodes",
    "topology",
    "barriers",
    "chemistry",
    "orderings",
    "relaxations",
    "dynamics",
    "transport",
    "stability",
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:cd is deprecated"),  # by jobflow's local manager
    pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING"),  # by pymatgen
]


class LivedIn(RuleBasedStateMachine):
    """What may happen to a store; in the end it is held against a clean one."""

    uri: str

    def __init__(self) -> None:
        super().__init__()
        self.lived = Store(self.uri)
        self.shelves: dict[str, dict[str, str]] = {source: {} for source in SOURCES}
        self.removed: dict[str, dict[str, str]] = {source: {} for source in SOURCES}
        self.texts: dict[str, str] = {}
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.n_releases = 0

    def teardown(self) -> None:
        try:
            self.end()
        finally:
            self.lived.close()

    # what happens to files

    @initialize()
    def begin(self) -> None:
        self.shelves["ICSD"] = {slug: plain(slug) for slug in SLUGS}
        self.release("ICSD", "complete")

    def _pick(self, data: st.DataObject, source: str = "ICSD") -> str:
        return data.draw(st.sampled_from(sorted(self.shelves[source])), label="file")

    @rule(data=st.data(), percent=st.integers(1, 9))
    def other_metadata(self, data: st.DataObject, percent: int) -> None:
        stem = self._pick(data)
        text = re.sub(r"_refine_ls_R_factor_gt.*\n", "", self.shelves["ICSD"][stem])
        self.shelves["ICSD"][stem] = text + f"_refine_ls_R_factor_gt 0.0{percent}\n"
        self.release("ICSD", "complete")

    @rule(slug=st.sampled_from(SLUGS), early=st.booleans(), known=st.sampled_from((None, True, False)))
    def newcomer(self, slug: str, early: bool, known: bool | None) -> None:
        stem = f"{'a' if early else 'z'}-{slug}"
        self.shelves["ICSD"][stem] = stretched(plain(slug), 1.002)
        if known is not None:
            self._label(f"{stem}@icsd", known_conductor=known)
        self.release("ICSD", "complete")

    @rule(slug=st.sampled_from(SLUGS))
    def another_setting(self, slug: str) -> None:
        self.shelves["ICSD"][f"m-{slug}"] = doubled(slug)
        self.release("ICSD", "complete")

    @rule(data=st.data(), A=st.sampled_from((0.02, 0.5)))
    def refinement(self, data: st.DataObject, A: float) -> None:
        stem = self._pick(data)
        text = self.shelves["ICSD"][stem]
        if text != BROKEN:
            self.shelves["ICSD"][stem] = stretched(text, 1.0 + A / 5.1)
            self.release("ICSD", "complete")

    @rule(slug=st.sampled_from(("li3ocl", "li3sbs4")), occupancy=st.sampled_from((0.9, 0.5, 1)))
    def another_occupancy(self, slug: str, occupancy: float) -> None:
        self.shelves["ICSD"][slug] = partly_occupied(plain(slug), occupancy)
        self.removed["ICSD"].pop(slug, None)
        self.release("ICSD", "complete")

    @precondition(lambda self: len(self.shelves["ICSD"]) > 3)
    @rule(data=st.data())
    def withdrawal(self, data: st.DataObject) -> None:
        stem = self._pick(data)
        self.removed["ICSD"][stem] = self.shelves["ICSD"].pop(stem)
        self.release("ICSD", "complete")

    @precondition(lambda self: any(self.removed.values()))
    @rule(data=st.data())
    def return_(self, data: st.DataObject) -> None:
        stem = data.draw(st.sampled_from(sorted(self.removed["ICSD"])), label="file")
        self.shelves["ICSD"][stem] = self.removed["ICSD"].pop(stem)
        self.release("ICSD", "complete")

    @rule(slug=st.sampled_from(SLUGS))
    def second_source(self, slug: str) -> None:
        self.shelves["Our lab"][slug] = plain(slug)
        self.release("Our lab", "part")

    @rule(data=st.data())
    def broken_file(self, data: st.DataObject) -> None:
        stem = self._pick(data)
        kept = self.shelves["ICSD"][stem]
        self.shelves["ICSD"][stem] = BROKEN
        self.release("ICSD", "complete")
        if data.draw(st.booleans(), label="mended") and kept != BROKEN:
            self.shelves["ICSD"][stem] = kept
            self.release("ICSD", "complete")

    @rule(how=st.sampled_from(("halves", "late", "again")))
    def a_release(self, how: str) -> None:
        self.release("ICSD", how)

    # what else happens

    @rule(slug=st.sampled_from(SLUGS), fact=st.sampled_from(("known", "unknown", "conductivity")))
    def a_label(self, slug: str, fact: str) -> None:
        facts: dict[str, Any] = {
            "known": {"known_conductor": True},
            "unknown": {"known_conductor": False},
            "conductivity": {"conductivity_S_per_cm": 1e-4},
        }[fact]
        self._label(f"{slug}@icsd", **facts)
        self.lived.screen()

    @rule(data=st.data(), threads=st.sampled_from((1, 2)))
    def launch(self, data: st.DataObject, threads: int) -> None:
        present = sorted(row.material_id for row in self.lived.store.candidates.find())
        self.lived.simulate(data.draw(st.sampled_from(present), label="material"), threads=threads)

    @rule()
    def another_ion(self) -> None:
        self.lived.screen(ScreeningParameters("Cl"))
        self.lived.screen()

    @rule()
    def other_thresholds(self) -> None:
        tight = replace(P, name="tight", thresholds=PrescreenThresholds(r_connected_A=3.5))
        self.lived.screen(tight)

    @rule()
    def another_matcher_and_back(self) -> None:
        for matcher in (DuplicateParameters(length_tolerance=0.01), DuplicateParameters()):
            find_groups(self.lived.store, guard_with(0), matcher)
        self.lived.screen()

    def release(self, source: str, how: str) -> None:
        """Deliver what is on a source's shelf, and screen."""
        files, name = dict(self.shelves[source]), f"{source[0]}{self.n_releases}"
        self.n_releases += 1
        self.texts |= {sha256(text.encode()).hexdigest(): text for text in files.values()}
        match how:
            case "complete":
                self.lived.deliver(source, name, files, complete=True)
            case "halves":
                stems = sorted(files)
                for half in (stems[::2], stems[1::2]):
                    self.lived.deliver(source, name, {stem: files[stem] for stem in half})
                close_release(self.lived.store, name, guard_with(0))
            case "late":
                # It is older than all others: what it holds is known already, in a later one.
                self.lived.deliver(source, name, files, date=datetime(2000, 1, self.n_releases, tzinfo=UTC))
            case "again":
                last = self.lived.store.releases.order()[-1]
                (standing,) = self.lived.store.releases.find({"_id": last})
                if standing.source == source:
                    self.lived.deliver(source, last, files, complete=True)
            case _:
                self.lived.deliver(source, name, files)
        self.lived.screen()

    def _label(self, material: str, **facts: Any) -> None:
        self.said.append((material, facts))
        label(self.lived.store, material, **facts)

    # how it ends

    def end(self) -> None:
        lived = self.lived
        if not lived.store.structures.count():
            return
        for head in lived.heads():
            lived.simulate(head, own=True)
        settle = [lambda s: s.screen(recluster=True), Store.windows]
        for step in settle:
            step(lived)
        before = contents(lived.store)
        for step in settle:
            step(lived)
        assert contents(lived.store) == before, "a second identical run changes something"

        clean = Store(self.uri)
        try:
            self._fill(clean)
            clean.screen()
            for material in self._simulated():
                clean.simulate(material, own=True)
            for step in settle:
                step(clean)
            self._compare(clean)
        finally:
            clean.close()

    def _fill(self, clean: Store) -> None:
        """Ingest what is present now, those who stand for a group first."""
        present = {s.material_id: s for s in self.lived.store.structures.current()}
        heads = self.lived.heads()
        rest = sorted(present.keys() - set(heads))
        for number, material in enumerate([*heads, *rest]):
            held = present[material]
            stem = Path(held.file.name).stem
            source = next(s for s in SOURCES if material.endswith(s.casefold().replace(" ", "-")))
            clean.deliver(source, f"{source[0]}{number}", {stem: self.texts[held.file.sha256]})
        for number, refusal in enumerate(self.lived.store.rejections.outstanding({"stage": "ingest"})):
            text = self.texts[refusal.file_sha256]
            clean.deliver(refusal.source, f"{refusal.source[0]}x{number}", {refusal.file_stem: text})
        for material, facts in self.said:
            label(clean.store, material, **facts)

    def _simulated(self) -> Iterator[str]:
        """Materials whose present crystal was simulated."""
        sources = self.lived.store.groups.sources(
            s.material_id for s in self.lived.store.structures.current()
        )
        for material, found in sorted(sources.items()):
            if self.lived.store.dynamics.count({"crystal_id": found[0].crystal_id}):
                yield material

    def _compare(self, clean: Store) -> None:
        one, other = self.lived.store, clean.store
        assert rows(one) == rows(other)
        assert groups(one) == groups(other)
        assert {d.id: d.facts for d in one.labels.find()} == {d.id: d.facts for d in other.labels.find()}
        assert refusals(one) == refusals(other)
        for name in STAGES:
            mine, theirs = computed(one, name), computed(other, name)
            assert theirs.keys() <= mine.keys(), name
            if name in ("barcodes", "topology", "barriers", "chemistry", "orderings"):
                assert {key: mine[key] for key in theirs} == theirs, name


@pytest.mark.md
def test_a_lived_in_store_ends_as_a_clean_one(
    mongo_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MTL_MONGO_URI", mongo_uri)  # put back at the end
    asked = os.environ.get("SEQUENCES", "")
    machine: Callable[[], RuleBasedStateMachine] = type("Machine", (LivedIn,), {"uri": mongo_uri})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(asked or 2),
            stateful_step_count=8,
            derandomize=not asked,
            database=None,
            deadline=None,
            phases=(Phase.generate,),  # a smaller sequence would take hours to find
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )

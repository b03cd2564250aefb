"""A material's story on one screen: where it stands, the numbers that decide, what to do next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mtl_flows.records import Record
from mtl_flows.vocabulary import PROTOCOLS, RUNNING

N_NUMBERS: Final = 3
_SCREENED_BY: Final = frozenset({"topology", "clustering", "chemistry"})
_UNITS: Final = {"r_connected": " Å"}
_NAMES: Final = {"has_cycles": "rho_cycles"}  # one number, held against two limits


@dataclass(frozen=True, slots=True)
class KeyNumber(Record):
    """A number that decides: its value, and what it is held against or made of."""

    name: str
    value: str
    asked: str


@dataclass(frozen=True, slots=True)
class Brief(Record):
    """What fits a screen.

    Attributes
    ----------
    standing
        Where it stands under each protocol, in words.
    numbers
        At most three: what failed comes first, then results, then what it is ranked by.
    next_step
        A command, or what is waited for.
    """

    standing: dict[str, str]
    numbers: list[KeyNumber]
    next_step: str


def brief(story: Mapping[str, Any]) -> Brief:
    """Condense the story of a material, as `mtl_flows.report.story.tell` gives it."""
    standing = {str(protocol): _standing(story, protocol) for protocol in PROTOCOLS}
    distinct: dict[str, KeyNumber] = {}
    for number in _numbers(story):
        distinct.setdefault(number.name, number)
    return Brief(standing, list(distinct.values())[:N_NUMBERS], _next_step(story))


def _standing(story: Mapping[str, Any], protocol: str) -> str:
    checks = [check for check in story.get("gates", ()) if check["protocol"] == protocol]
    for outcome, word in (("fail", "dropped at"), ("pending", "waits at")):
        for check in checks:
            if check["outcome"] == outcome:
                value = "" if check["value"] is None else f": {_told(check)}, asked {check['rule']}"
                objection = _objection(story) if check["gate"] == "chemistry" and outcome == "fail" else ""
                return f"{word} {check['gate']}{value}{objection}"
    return "passed every gate" if checks else "not screened"


def _objection(story: Mapping[str, Any]) -> str:
    failed = [
        f"{rule['rule']} {rule['name'].replace('_', ' ')}" for rule in story["rules"] if not rule["passed"]
    ]
    return f": rule {', '.join(failed)}" if failed else ""


def _numbers(story: Mapping[str, Any]) -> Iterator[KeyNumber]:
    """Every number, the most decisive first; some may come twice."""
    checks = [check for check in story.get("gates", ()) if check["value"] is not None]
    for check in checks:
        if check["outcome"] == "fail":
            yield KeyNumber(_name(check), _told(check), f"asked {check['rule']} ({check['protocol']})")
    results = story.get("results", {})
    if results.get("activation_energy_crystal_eV") is not None:
        yield KeyNumber(
            "E_a", _estimate(results, "activation_energy_crystal", "_eV", " eV"), "of the crystal"
        )
        yield KeyNumber(
            "P(σ(300 K) ≥ 10⁻⁴ S/cm)", f"{results['P_conducts_crystal']:.2f}", "decides from 0.95 on"
        )
    if results.get("window_low_V") is not None:
        edges = f"{results['window_low_V']:.2f} … {results['window_high_V']:.2f} V"
        yield KeyNumber("window", edges, f"{results['window_width_V']:.2f} V wide")
    made_of = story.get("ranking", {})
    if made_of.get("priority") is not None:
        yield KeyNumber(
            "priority",
            f"{made_of['priority']:.2f}",
            f"v3/d3 {made_of['v3_over_d3']:.2f}, E_3D {made_of['E_3D_eV']:.2f} eV",
        )
    for check in checks:
        yield KeyNumber(_name(check), _told(check), f"asked {check['rule']}")


def _name(check: Mapping[str, Any]) -> str:
    return str(_NAMES.get(check["check"], check["check"]))


def _told(check: Mapping[str, Any]) -> str:
    return f"{check['value']:.3g}{_UNITS.get(check['check'], '')}"


def _estimate(results: Mapping[str, Any], name: str, ending: str, unit: str) -> str:
    value, low, high = (results[f"{name}{end}{ending}"] for end in ("", "_low", "_high"))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]{unit}"


def _next_step(story: Mapping[str, Any]) -> str:
    subject, pending = story["subject"], set(story.get("pending", ()))
    results = story.get("results", {})
    if elsewhere := story.get("screened_in"):
        return f"mtl explain {subject} --screening {elsewhere[0]}"
    if pending & _SCREENED_BY:
        return "mtl screen"
    if not story["gates"]:
        return "nothing: it does not hold the ion of this screening"
    if results.get("dynamics_status") == RUNNING:
        return "mtl status: its molecular dynamics is running"
    if story.get("verdict") == "undecided" and story.get("what_would_decide"):
        return str(story["what_would_decide"][0])
    if story.get("verdict") == "pass":
        return "measure it: every threshold is met"
    if story.get("verdict") == "fail":
        return "nothing, it failed the verdict; --full says by which number"
    if results.get("dynamics_status") is not None and "stability" in pending:
        return f"mtl stability {subject}"
    head = story["structure"]["representative"]
    if results.get("dynamics_status") is None and "passed every gate" in {
        _standing(story, protocol) for protocol in PROTOCOLS
    }:
        return f"mtl launch {head}" + ("" if head == subject else ", which stands for it")
    if results.get("dynamics_status") is None:
        return f"nothing, it was dropped; mtl whatif asks under other limits, mtl launch {head} simulates it anyway"
    return f"mtl transport {subject}"

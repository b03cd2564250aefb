"""Tell compounds of metals with a nonmetal from alloys and Zintl phases."""

import math
from collections.abc import Mapping

from mtl_flows.science.chemistry.balance import SearchLimitError, balance
from mtl_flows.science.chemistry.groups import signless_groups
from mtl_flows.science.chemistry.parameters import ChemistryParameters
from mtl_flows.science.chemistry.report import Finding
from mtl_flows.science.chemistry.wording import listed
from mtl_flows.science.elements import electronegativity, is_metal, states_of

_INTERSTITIAL = ("H", "C", "N", "P", "As")


def judge_alloy(composition: Mapping[str, float], parameters: ChemistryParameters) -> Finding:
    """Find whether a composition is an alloy.

    It is one if, of at least two elements,

    1. none forms simple anions: metals among themselves or with B, Si, Ge, Sb, Zintl phases included; or
    2. the only anion formers are hydrogen, carbon or pnictogens (interstitial carbides, subnitrides), and
       these can take up but a small part of the electrons of the metals, or are no more electronegative
       than the metals are on average.

    Halides and chalcogenides are nobody's alloys, even where they are metallic.
    """
    formers = [symbol for symbol in composition if symbol in parameters.anion_formers]
    others = {symbol: amount for symbol, amount in composition.items() if symbol not in formers}
    evidence: dict[str, object] = {"anion_formers": sorted(formers)}
    if len(composition) < 2 or not others:
        return Finding(True, "There are no two metals to form an alloy.", evidence)
    if not formers:
        return _without_anions(composition, evidence)

    if not all(symbol in _INTERSTITIAL for symbol in formers):
        return Finding(True, f"A compound with anions of {listed(formers)}.", evidence, "certain")
    ratio = _anion_charge_ratio(composition)
    difference = max(map(electronegativity, formers)) - _mean_electronegativity(others)
    evidence["anion_charge_ratio"] = None if math.isinf(ratio) else round(ratio, 4)
    evidence["electronegativity_difference"] = round(difference, 3)
    if ratio < parameters.min_anion_charge_ratio:
        reason = f"{listed(formers)} can take up only {ratio:.0%} of the electrons of {listed(others)}."
        return Finding(False, reason, evidence, "high")
    if difference < parameters.min_electronegativity_difference:
        reason = f"{listed(formers)}: electronegativity {difference:+.2f} relative to the mean of the metals."
        return Finding(False, reason, evidence, "low")
    return Finding(True, f"A compound with anions of {listed(formers)}.", evidence, "high")


def _without_anions(composition: Mapping[str, float], evidence: dict[str, object]) -> Finding:
    if all(map(is_metal, composition)):
        return Finding(False, f"All elements are metals: {listed(composition)}.", evidence)
    try:
        zintl = balance(signless_groups(composition, {}), electronegativity_order=False) is not None
    except SearchLimitError:
        zintl = False
    metalloids = math.fsum(amount for symbol, amount in composition.items() if not is_metal(symbol))
    rich = metalloids > 0.5 * math.fsum(composition.values())
    evidence["zintl_balanced"] = zintl
    kind = "a Zintl phase whose electrons balance" if zintl else "an intermetallic"
    if rich:
        kind = "a boride, silicide, germanide or antimonide"
    return Finding(
        False,
        f"{listed(composition)} hold no element that forms simple anions: {kind}.",
        evidence,
        "low" if zintl or rich else "high",
    )


def _anion_charge_ratio(composition: Mapping[str, float]) -> float:
    """Return how much of the electrons of the metals the rest could take up at most."""
    accepted = given = 0.0
    for symbol, amount in composition.items():
        states = states_of(symbol)
        if states.observed and states.observed[0] < 0:  # Sn or Sb beside nitride may be anions as well
            accepted -= amount * states.observed[0]
        elif states.common:
            given += amount * states.common[0]
    return accepted / given if given > 0 else math.inf


def _mean_electronegativity(composition: Mapping[str, float]) -> float:
    weighted = math.fsum(amount * electronegativity(symbol) for symbol, amount in composition.items())
    return weighted / math.fsum(composition.values())

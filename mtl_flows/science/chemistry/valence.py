"""Rule 4: elements in abnormal oxidation states."""

from collections.abc import Mapping, Sequence

from mtl_flows.science.chemistry.balance import SearchLimitError
from mtl_flows.science.chemistry.material import Material
from mtl_flows.science.chemistry.oxidation import required_states, suspect
from mtl_flows.science.chemistry.report import Finding
from mtl_flows.science.chemistry.wording import listed, signed
from mtl_flows.science.elements import is_observed, is_observed_mean, states_of


def check_oxidation_states(material: Material) -> Finding:
    """Rule 4: an element in a state that it does not show in known compounds.

    States given by the caller or on the sites are looked up. Otherwise a neutral assignment of observed
    states is searched; the rule objects if there is none. Metals among themselves have no ionic states and pass.
    """
    if not any(symbol in material.parameters.anion_formers for symbol in material.composition):
        return Finding(
            True,
            "Without anions there are no ionic oxidation states; rule 3 speaks on alloys.",
            {"method": "not applicable", "states": {}},
            material.alloy.confidence,
        )
    unknown = sorted(symbol for symbol in material.composition if not states_of(symbol).observed)
    if unknown:
        return _undecided(f"no oxidation states are known of {listed(unknown)}")
    given = material.stated_oxidation
    known = is_observed_mean if material.given_states else _is_known
    strange = {
        symbol: odd
        for symbol, states in given.items()
        if (odd := [state for state in states if not known(symbol, state)])
    }
    if strange:
        return Finding(
            False,
            f"Given but never observed: {_described(strange)}.",
            {"method": "given", "states": given, "abnormal": strange},
        )
    if material.has_neutral_charges:
        return Finding(
            True,
            f"The given states are observed ones and add up to zero: {_described(given)}.",
            {"method": "given", "states": given},
        )
    return _search(material)


def _search(material: Material) -> Finding:
    try:
        assignment = material.assignment
    except SearchLimitError:
        return _undecided("too many combinations")
    if assignment is None:
        return _no_assignment(material)
    states = {label: [round(state, 4)] for label, state in assignment.states.items()}
    left_over = assignment.imbalance_e_per_atom
    return Finding(
        True,
        f"Neutral with observed states ({assignment.method}): {_described(states)}"
        + (f"; {signed(left_over)} e per atom left over" if abs(left_over) >= 0.005 else "")
        + ("; the given states do not add up." if assignment.ignores_given else "."),
        {
            "method": assignment.method,
            "states": states,
            "imbalance_e_per_atom": round(left_over, 6),
            "ignores_given": assignment.ignores_given,
        },
        assignment.confidence,
    )


def _is_known(symbol: str, state: float) -> bool:
    """Whether a site may bear a state; one that is not whole is a mean over atoms that the file does not tell apart."""
    return is_observed(symbol, state) or (not state.is_integer() and is_observed_mean(symbol, state))


def _no_assignment(material: Material) -> Finding:
    required = required_states(material.composition, material.parameters.anion_formers)
    reason = "No neutral assignment of observed oxidation states"
    symbol = suspect(required)
    if symbol:
        known = "/".join(signed(state) for state in states_of(symbol).observed)
        reason += f": {symbol} would have to be {signed(required[symbol])} (observed: {known})"
    if "H" not in material.located and symbol and required[symbol] > max(states_of(symbol).observed):
        reason += ", unless hydrogen or another cation was not located"
    return Finding(
        False,
        f"{reason}.",
        {
            "method": "none",
            "states": {},
            "abnormal": {symbol: [round(required[symbol], 4)]} if symbol else {},
            "required": {one: round(state, 4) for one, state in required.items()},
        },
        "low" if material.structure is None or material.unlocated or material.is_disordered else "high",
    )


def _undecided(why: str) -> Finding:
    return Finding(True, f"Undecided: {why}.", {"method": "undecided", "states": {}}, "low")


def _described(states: Mapping[str, Sequence[float]]) -> str:
    return ", ".join(f"{label} {'/'.join(map(signed, values))}" for label, values in states.items())

"""Rules on which elements are there: too few (1), much-studied ternaries (5), transition metals (6)."""

from pymatgen.core import Element

from mtl_flows.science.chemistry.material import Material
from mtl_flows.science.chemistry.report import Finding
from mtl_flows.science.chemistry.wording import counted, listed


def check_element_count(material: Material) -> Finding:
    """Rule 1: compounds of one or two elements."""
    elements = sorted(material.composition)
    limit = material.parameters.max_elements
    few = len(elements) <= limit
    return Finding(
        passed=not few,
        reason=f"{counted(len(elements), 'element')} ({listed(elements)}), "
        f"{'not more' if few else 'more'} than {limit}.",
        evidence={"elements": elements, "unlocated": material.unlocated},
        confidence="high" if material.unlocated else "certain",
    )


def check_ternary(material: Material) -> Finding:
    """Rule 5: the mobile ion with one of the listed pairs of elements, and nothing else."""
    elements = set(material.composition)
    partners = elements - {material.mobile_ion}
    evidence = {"elements": sorted(elements), "mobile_ion": material.mobile_ion}
    listed_pairs = {frozenset(pair) for pair in material.parameters.excluded_ternaries}
    if len(elements) == 3 and material.mobile_ion in elements and frozenset(partners) in listed_pairs:
        system = "–".join([material.mobile_ion, *sorted(partners, key=lambda symbol: symbol in "OS")])
        return Finding(False, f"A compound of the much-studied system {system}.", evidence)
    return Finding(True, "Not one of the excluded ternary systems.", evidence)


def check_transition_metals(material: Material) -> Finding:
    """Rule 6: transition metals with an open d shell, and oxides with certain elements.

    Judged by the element, every listed metal counts. Judged by the ion, those pass whose d shell is empty or
    full in the oxidation state found; an unknown state counts as open. The mobile ion never counts.
    """
    parameters = material.parameters
    elements = set(material.composition) - {material.mobile_ion}
    metals = {
        symbol: d_electrons(symbol, material.states(symbol))
        for symbol in sorted(elements & set(parameters.transition_metals))
    }
    closed = {symbol for symbol, counts in metals.items() if counts and all(n in (0, 10) for n in counts)}
    excluded = set(metals) - (closed if parameters.d_shell_judged_by == "ion" else set())
    in_oxide = elements & set(parameters.oxide_excluded_elements) if "O" in material.composition else set()

    evidence = {
        "transition_metals": sorted(excluded),
        "d_electrons": metals,
        "oxide_elements": sorted(in_oxide),
        "judged_by": parameters.d_shell_judged_by,
    }
    reasons = []
    if excluded:
        reasons.append(f"transition metal{'s' if len(excluded) > 1 else ''} {listed(excluded)}")
    if excluded & closed:
        reasons.append(f"though the d shell of the ion of {listed(excluded & closed)} is empty or full")
    if in_oxide:
        reasons.append(f"oxide with {listed(in_oxide)}")
    if reasons:
        sentence = ", ".join(reasons)
        doubtful = not in_oxide and excluded <= closed
        return Finding(
            False, f"{sentence[0].upper()}{sentence[1:]}.", evidence, "high" if doubtful else "certain"
        )
    if metals:
        return Finding(True, f"The d shell of {listed(metals)} is empty or full.", evidence, "high")
    return Finding(True, "No transition metal, no excluded oxide.", evidence)


def d_electrons(symbol: str, states: list[float]) -> list[float]:
    """Return the number of d electrons of an ion of the d block in each of its oxidation states."""
    return [round(Element(symbol).group - state, 3) for state in states]

"""Rule 2: radioactive elements, or water of crystallisation."""

from collections.abc import Sequence

from mtl_flows.science.chemistry.formula import names_water
from mtl_flows.science.chemistry.material import Material
from mtl_flows.science.chemistry.report import Confidence, Finding
from mtl_flows.science.chemistry.water import find_water, labelled_water
from mtl_flows.science.chemistry.wording import counted, listed


def check_radioactive_or_water(material: Material) -> Finding:
    """Rule 2: radioactive elements, or water that the formula names, a label tells or the geometry shows."""
    radioactive = sorted(set(material.composition) & set(material.parameters.radioactive_elements))
    if radioactive:
        return Finding(
            False,
            f"Radioactive: no stable isotope of {listed(radioactive)}.",
            {"radioactive": radioactive, "water": []},
        )
    if names_water(material.formula_text):
        return _water([material.formula_text], "The formula names water.", "high")
    if "O" not in material.composition:
        return _no_water("no oxygen", "certain")
    if material.structure is None:
        if "H" in material.composition:
            return _no_water("the formula does not tell whether its hydrogen belongs to water", "low")
        return _no_water("no hydrogen", "certain")
    return _look_for_water(material)


def _look_for_water(material: Material) -> Finding:
    labels = labelled_water(material.crystal)
    if labels:
        return _water(labels, f"Oxygen sites are labelled as water: {listed(labels)}.", "high")
    if "H" in material.unlocated:
        return _no_water("the formula holds hydrogen but no site does, so water would be invisible", "low")
    if "H" not in material.located:
        return _no_water("no hydrogen was located", "high")
    parameters = material.parameters
    water = find_water(material.bonding, parameters.water_oh_min_A, parameters.water_oh_max_A)
    if not water:
        return _no_water("no oxygen bears two hydrogens", "high")
    whole = all(abs(oxygen.hydrogens - 2.0) < 0.05 for oxygen in water)
    return _water(
        [{"site": oxygen.site, "hydrogens": round(oxygen.hydrogens, 3)} for oxygen in water],
        f"Water: two hydrogens on each of {counted(len(water), 'oxygen site')}.",
        "certain" if whole else "high",
    )


def _water(evidence: Sequence[object], reason: str, confidence: Confidence) -> Finding:
    return Finding(False, reason, {"radioactive": [], "water": list(evidence)}, confidence)


def _no_water(why: str, confidence: Confidence) -> Finding:
    return Finding(
        True, f"No radioactive element; no water: {why}.", {"radioactive": [], "water": []}, confidence
    )

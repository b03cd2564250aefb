#!/usr/bin/env python3
"""A stand-in for the VASP executable: checks its inputs and writes what VASP would, for the crystal of `toy_engines`.

Run in a folder with INCAR, POSCAR, POTCAR.spec and perhaps KPOINTS, as ``vasp_std`` or ``vasp_gam``. The ions move by
velocity Verlet in a rock-salt potential, with a thermostat that is a function of the velocities alone: a run
that is cut and goes on from CONTCAR is the run in one piece. Nothing but the standard library is imported, since the
tests start it some twenty times.

The file that FAKE_VASP_FAULTS names is a JSON list of faults: ``when`` (INCAR tags, ``element``) says where one
strikes, ``says`` what VASP then prints, ``unless`` the tags with which it does not.
"""

import json
import math
import os
import random
import re
import sys
from pathlib import Path

MASSES_u = {"Li": 6.94, "Cl": 35.45, "F": 18.998, "Br": 79.904}
ACCELERATION = 0.009648533212  # eV/Å/u in Å/fs²
BOLTZMANN_eV_PER_K = 8.617333262e-5
THERMOSTAT_fs = 50.0
PERIOD_A, MOBILE_WALL_eV, FRAMEWORK_WALL_eV = 5.1283 / 2, 0.05, 5.0
REPULSION_eV, REPULSION_RANGE_A = 0.3, 1.2


def main() -> None:
    incar = read_incar(Path("INCAR").read_text())
    poscar = read_poscar(Path("POSCAR").read_text())
    check_inputs(incar, poscar, Path(sys.argv[0]).name)
    say_faults(incar, poscar)
    steps = dynamics(incar, poscar) if incar["IBRION"] == 0 else relaxation(incar, poscar)
    write_outputs(incar, poscar, steps)


# --- inputs ---


def read_incar(text: str) -> dict:
    def value(word: str):
        if word.upper().strip(".") in ("TRUE", "FALSE"):
            return word.upper().strip(".") == "TRUE"
        for kind in (int, float):
            try:
                return kind(word)
            except ValueError:
                continue
        return word

    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {"IBRION": -1, "NSW": 0} | {tag.strip().upper(): value(text.strip()) for tag, text in pairs}


def read_poscar(text: str) -> dict:
    lines = text.splitlines()
    scale = float(lines[1])
    cell = [[scale * float(x) for x in line.split()] for line in lines[2:5]]
    counts = [int(n) for n in lines[6].split()]
    elements = [e for e, n in zip(lines[5].split(), counts, strict=True) for _ in range(n)]
    assert lines[7].lower().startswith("d"), "fractional coordinates expected"
    rows = [[float(x) for x in line.split()[:3]] for line in lines[8 : 8 + len(elements)]]
    rest = [line for line in lines[8 + len(elements) :] if line.strip()]
    velocities = [[float(x) for x in line.split()] for line in rest[: len(elements)]]
    return {"cell": cell, "elements": elements, "positions": rows, "velocities": velocities}


def check_inputs(incar: dict, poscar: dict, program: str) -> None:
    """Refuse what is not the article's calculation."""
    order = list(dict.fromkeys(poscar["elements"]))
    potentials = re.findall(r"\w+", Path("POTCAR.spec").read_text())
    wanted = {"GGA": "Pe", "ENCUT": 520, "ISPIN": 1, "ISMEAR": 0, "LWAVE": False}
    unwanted = {"MAGMOM", "METAGGA", "LDAUU"}
    dynamics, mesh = incar["IBRION"] == 0, Path("KPOINTS").is_file()
    if dynamics:
        wanted |= {"MDALGO": 2, "SMASS": 0, "ISIF": 2, "ISYM": 0, "NBLOCK": 1}
        unwanted |= {"KSPACING"}
    elif incar["NSW"]:
        wanted |= {"IBRION": 2, "ISIF": 3, "KSPACING": 0.4, "KGAMMA": True}
    else:
        wanted |= {"KSPACING": 0.25, "KGAMMA": True}
    problems = [f"{tag} is {incar.get(tag)}, not {v}" for tag, v in wanted.items() if incar.get(tag) != v]
    problems += [f"{tag} is set" for tag in unwanted & incar.keys()]
    if [name.split("_")[0] for name in potentials] != order:
        problems.append(f"potentials {potentials} for {order}")
    if dynamics != mesh or (mesh and Path("KPOINTS").read_text().split("\n")[3].split() != ["1", "1", "1"]):
        problems.append("KPOINTS is for dynamics, the Γ point alone")
    if program != ("vasp_gam" if dynamics else "vasp_std"):
        problems.append(f"{program} was called")
    if dynamics and len(poscar["velocities"]) != len(poscar["elements"]):
        problems.append("POSCAR holds no velocities")
    if problems:
        sys.exit(f"fake VASP refuses: {'; '.join(problems)}")


def say_faults(incar: dict, poscar: dict) -> None:
    """Fail as VASP does: a message on standard output, and an end without results."""
    file = os.environ.get("FAKE_VASP_FAULTS")
    for fault in json.loads(Path(file).read_text()) if file else []:
        when = dict(fault["when"])
        element = when.pop("element", poscar["elements"][0])
        strikes = element in poscar["elements"] and when.items() <= incar.items()
        if strikes and not (fault.get("unless") and fault["unless"].items() <= incar.items()):
            print(fault["says"])
            sys.exit(1)


# --- physics ---


def cartesian(cell: list, rows: list) -> list:
    return [[sum(row[i] * cell[i][k] for i in range(3)) for k in range(3)] for row in rows]


def inverse(m: list) -> list:
    (a, b, c), (d, e, f), (g, h, i) = m
    det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    rows = [[e * i - f * h, c * h - b * i, b * f - c * e], [f * g - d * i, a * i - c * g, c * d - a * f]]
    rows.append([d * h - e * g, b * g - a * h, a * e - b * d])
    return [[x / det for x in row] for row in rows]


def evaluate(poscar: dict, x: list) -> tuple:
    """Energy and forces of `toy_engines.Conductor`."""
    cell, back = poscar["cell"], inverse(poscar["cell"])
    # Commensurate with the cell: wrapping an atom changes nothing.
    wave = 2 * math.pi * round(cell[0][0] / PERIOD_A) / cell[0][0]
    energy, forces = -4.0 * len(x), []  # custodian does not take positive energies
    for element, r in zip(poscar["elements"], x, strict=True):
        wall = (MOBILE_WALL_eV if element == "Li" else FRAMEWORK_WALL_eV) / 2
        energy += sum(wall * (1 - math.cos(wave * c)) for c in r)
        forces.append([-wall * wave * math.sin(wave * c) for c in r])
    mobile = [i for i, element in enumerate(poscar["elements"]) if element == "Li"]
    for i in mobile:
        for j in mobile:
            if i == j:
                continue
            (apart,) = cartesian(back, [[a - b for a, b in zip(x[i], x[j], strict=True)]])
            (apart,) = cartesian(cell, [[a - round(a) for a in apart]])
            push = REPULSION_eV * math.exp(-sum(a * a for a in apart) / (2 * REPULSION_RANGE_A**2))
            energy += push / 2
            forces[i] = [f + push * a / REPULSION_RANGE_A**2 for f, a in zip(forces[i], apart, strict=True)]
    return energy, forces


def relaxation(incar: dict, poscar: dict) -> list:
    """Steepest descent until the forces are below EDIFFG; a single point if NSW is 0."""
    x, steps = cartesian(poscar["cell"], poscar["positions"]), []
    for _ in range(max(incar["NSW"], 1)):
        energy, forces = evaluate(poscar, x)
        steps.append({"x": x, "energy": energy, "forces": forces, "kinetic": 0.0})
        if max(math.hypot(*f) for f in forces) < abs(incar.get("EDIFFG", 0.0)):
            break
        x = [[a + 0.02 * b for a, b in zip(r, f, strict=True)] for r, f in zip(x, forces, strict=True)]
    poscar["final"], poscar["velocities"] = steps[-1]["x"], [[0.0] * 3 for _ in x]
    return steps


def dynamics(incar: dict, poscar: dict) -> list:
    """Velocity Verlet; the velocities are drawn towards the temperature that TEBEG and TEEND give."""
    masses = [MASSES_u[element] for element in poscar["elements"]]
    x, v, dt = cartesian(poscar["cell"], poscar["positions"]), poscar["velocities"], incar["POTIM"]
    dof, n_steps = 3 * len(masses) - 3, incar["NSW"]
    if not any(map(any, v)):
        normal = random.Random(0).gauss
        v = [
            [normal(0, math.sqrt(BOLTZMANN_eV_PER_K * incar["TEBEG"] / m * ACCELERATION)) for _ in "xyz"]
            for m in masses
        ]
    energy, forces = evaluate(poscar, x)
    steps = []
    for step in range(n_steps):
        kinetic = 0.5 * sum(m * c * c for m, row in zip(masses, v, strict=True) for c in row) / ACCELERATION
        steps.append({"x": x, "energy": energy, "forces": forces, "kinetic": kinetic})
        half = [
            [c + 0.5 * dt * ACCELERATION * f / m for c, f in zip(u, g, strict=True)]
            for u, g, m in zip(v, forces, masses, strict=True)
        ]
        x = [[c + dt * u for c, u in zip(r, h, strict=True)] for r, h in zip(x, half, strict=True)]
        energy, forces = evaluate(poscar, x)
        v = [
            [c + 0.5 * dt * ACCELERATION * f / m for c, f in zip(u, g, strict=True)]
            for u, g, m in zip(half, forces, masses, strict=True)
        ]
        target = incar["TEBEG"] + (incar["TEEND"] - incar["TEBEG"]) * (step + 1) / n_steps
        hot = (
            sum(m * c * c for m, row in zip(masses, v, strict=True) for c in row)
            / ACCELERATION
            / dof
            / BOLTZMANN_eV_PER_K
        )
        factor = math.sqrt(1 + dt / THERMOSTAT_fs * (target / hot - 1))
        v = [[factor * c for c in row] for row in v]
    poscar["final"], poscar["velocities"] = x, v
    return steps


# --- outputs ---


def write_outputs(incar: dict, poscar: dict, steps: list) -> None:
    cell, back, elements = poscar["cell"], inverse(poscar["cell"]), poscar["elements"]

    def wrapped(x: list) -> list:
        return [[c % 1.0 % 1.0 for c in row] for row in cartesian(back, x)]

    order = list(dict.fromkeys(elements))
    head = "\n".join(["fake", "1.0", *("  ".join(f"{c:.16f}" for c in row) for row in cell)])
    head += "\n" + " ".join(order) + "\n" + " ".join(str(elements.count(e)) for e in order) + "\n"
    contcar = head + "Direct\n" + rows_of(wrapped(poscar["final"]), "{:.16f}") + "\n\n"
    Path("CONTCAR").write_text(contcar + rows_of(poscar["velocities"], "{:.8E}") + "\n")
    Path("XDATCAR").write_text(
        head
        + "".join(
            f"Direct configuration= {k:5d}\n{rows_of(wrapped(s['x']), '{:.8f}')}\n"
            for k, s in enumerate(steps, 1)
        )
    )
    Path("OSZICAR").write_text("".join(oszicar(incar, elements, k, s) for k, s in enumerate(steps, 1)))
    Path("vasprun.xml").write_text(vasprun(incar, poscar, steps, wrapped))
    Path("OUTCAR").write_text(outcar(incar, poscar, steps))
    Path("CHGCAR").touch()
    print(" running on    1 total cores\n fake VASP: done")


def rows_of(rows: list, form: str) -> str:
    return "\n".join("  ".join(form.format(c) for c in row) for row in rows)


def oszicar(incar: dict, elements: list, k: int, step: dict) -> str:
    energy = step["energy"]
    text = "       N       E                     dE             d eps       ncg     rms          rms(c)\n"
    text += f"DAV:   1    {energy:.12E}   -0.10000E-06   -0.10000E-06    16   0.100E-03\n"
    if incar["IBRION"] == 0:
        T = 2 * step["kinetic"] / ((3 * len(elements) - 3) * BOLTZMANN_eV_PER_K)
        return text + (
            f"{k:7d} T= {T:5.0f}. E= {energy + step['kinetic']:.8E} F= {energy:.8E} E0= {energy:.8E}"
            f"  EK= {step['kinetic']:.5E} SP= 0.00E+00 SK= 0.00E+00\n"
        )
    return text + f"{k:4d} F= {energy:.8E} E0= {energy:.8E}  d E =-.100000E-06\n"


def vasprun(incar: dict, poscar: dict, steps: list, wrapped) -> str:
    cell, elements = poscar["cell"], poscar["elements"]
    order = list(dict.fromkeys(elements))
    (a, b, c) = cell
    cross = [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]]
    volume = sum(x * y for x, y in zip(a, cross, strict=True))
    reciprocal = [list(column) for column in zip(*inverse(cell), strict=True)]

    def array(name: str, rows: list) -> str:
        return (
            f'<varray name="{name}">'
            + "".join(f"<v> {rows_of([r], '{:.8f}')} </v>\n" for r in rows)
            + "</varray>\n"
        )

    def structure(x: list, name: str = "") -> str:
        crystal = (
            array("basis", cell) + f'<i name="volume"> {volume:.8f} </i>\n' + array("rec_basis", reciprocal)
        )
        return (
            f"<structure{name}><crystal>\n{crystal}</crystal>\n{array('positions', wrapped(x))}</structure>\n"
        )

    def tag(name: str, value) -> str:
        kind = {bool: ' type="logical"', int: ' type="int"', str: ' type="string"'}.get(type(value), "")
        return f'<i{kind} name="{name}"> {"FT"[value] if isinstance(value, bool) else value} </i>\n'

    def energies(step: dict, full: bool) -> str:
        parts = dict.fromkeys(("e_fr_energy", "e_wo_entrp", "e_0_energy"), step["energy"])
        if full and incar["IBRION"] == 0:
            parts |= {"kinetic": step["kinetic"], "lattice kinetic": 0.0, "nosepot": 0.0, "nosekinetic": 0.0}
            parts["total"] = step["energy"] + step["kinetic"]
        return (
            "<energy>" + "".join(f'<i name="{n}"> {v:.8f} </i>\n' for n, v in parts.items()) + "</energy>\n"
        )

    defaults = {"NELM": 60, "EDIFF": 1e-5, "ISIF": 2, "POTIM": 0.5, "NELECT": 8.0, "LASPH": False}
    tags = "".join(tag(n, v) for n, v in incar.items() if n not in ("IBRION", "NSW") or incar["NSW"])
    parameters = "".join(tag(n, v) for n, v in {**defaults, **incar}.items())
    atoms = "".join(f"<rc><c>{e}</c><c>{order.index(e) + 1}</c></rc>\n" for e in elements)
    types = "".join(
        f"<rc><c>{elements.count(e)}</c><c>{e}</c><c>{MASSES_u[e]}</c><c>1.0</c><c>PAW_PBE {e} 01Jan2000</c></rc>\n"
        for e in order
    )
    calculations = "".join(
        f'<calculation>\n<scstep><time name="total">0.1 0.1</time>{energies(s, False)}</scstep>\n{structure(s["x"])}'
        f"{array('forces', s['forces'])}{array('stress', [[0.0] * 3] * 3)}{energies(s, True)}"
        f"{EIGENVALUES if s is steps[-1] else ''}</calculation>\n"
        for s in steps
    )
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
<generator>{tag("program", "vasp")}{tag("version", "6.4.2")}{tag("subversion", "fake")}{tag("platform", "python")}
{tag("date", "2026 01 01")}{tag("time", "00:00:00")}</generator>
<incar>{tags}</incar>
<kpoints><generation param="Gamma"><v type="int" name="divisions"> 1 1 1 </v><v name="usershift"> 0.0 0.0 0.0 </v>
</generation>{array("kpointlist", [[0.0] * 3])}{array("weights", [[1.0]])}</kpoints>
<parameters>{parameters}</parameters>
<atominfo><atoms> {len(elements)} </atoms><types> {len(order)} </types>
<array name="atoms"><dimension dim="1">ion</dimension><field type="string">element</field>
<field type="int">atomtype</field><set>{atoms}</set></array>
<array name="atomtypes"><dimension dim="1">type</dimension><field type="int">atomspertype</field>
<field type="string">element</field><field>mass</field><field>valence</field>
<field type="string">pseudopotential</field><set>{types}</set></array></atominfo>
{structure(steps[0]["x"], ' name="initialpos"')}{calculations}{structure(poscar["final"], ' name="finalpos"')}
</modeling>
"""


EIGENVALUES = """<eigenvalues><array><dimension dim="1">band</dimension><dimension dim="2">kpoint</dimension>
<dimension dim="3">spin</dimension><field>eigene</field><field>occ</field><set><set comment="spin 1">
<set comment="kpoint 1"><r> -3.0 1.0 </r><r> 3.0 0.0 </r></set></set></set></array></eigenvalues>
<dos><i name="efermi"> 0.0 </i><total><array><dimension dim="1">gridpoints</dimension>
<dimension dim="2">spin</dimension><field>energy</field><field>total</field><field>integrated</field><set>
<set comment="spin 1"><r> -3.0 1.0 1.0 </r><r> 3.0 1.0 2.0 </r></set></set></array></total></dos>
"""


def outcar(incar: dict, poscar: dict, steps: list) -> str:
    n = len(poscar["elements"])
    blocks = "".join(
        f"""\
 POSITION                                       TOTAL-FORCE (eV/Angst)
 -----------------------------------------------------------------------------------
{rows_of([[*r, *f] for r, f in zip(s["x"], s["forces"], strict=True)], "{:.6f}")}
 -----------------------------------------------------------------------------------
    total drift:                                0.000000      0.000000      0.000000

  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)
  free  energy   TOTEN  =      {s["energy"]:.8f} eV

  energy  without entropy=      {s["energy"]:.8f}  energy(sigma->0) =      {s["energy"]:.8f}
"""
        for s in steps[-1:]
    )
    return f""" vasp.6.4.2 fake
   k-points           NKPTS =      1   k-points in BZ     NKDIM =      1   number of bands    NBANDS=      2
   number of dos      NEDOS =    301   number of ions     NIONS = {n:6d}
   dimension x,y,z NGX =    24 NGY =   24 NGZ =   24
   NPLWV =   13824
   total plane-waves  NPLWV =  13824
 maximum and minimum number of plane-waves per node :      800      800
   maximum number of plane-waves:       800
   ENCUT  =  {incar["ENCUT"]:.1f} eV
   IBRION =  {incar["IBRION"]:4d}    ionic relax
   NELECT =       8.0000    total number of electrons
 E-fermi :   0.0000     XC(G=0):   0.0000     alpha+bet :  0.0000
{blocks}
 General timing and accounting informations for this job:
                  Total CPU time used (sec):        1.000
                            User time (sec):        1.000
                          System time (sec):        0.000
                         Elapsed time (sec):        1.000
                   Maximum memory used (kb):        1000.
                   Average memory used (kb):           0.
"""


if __name__ == "__main__":
    main()

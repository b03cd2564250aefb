"""`mtl benchmark dynamics`: hands in what is missing, and compares what there is."""

import json
from pathlib import Path

import yaml
from cli_answers import Mtl


def test_hand_in_simulate_compare(mtl: Mtl, mtl_here: Mtl, server: str, project: Path) -> None:
    short = "--temperatures 800,1200 --heat-ps 0.2 --production-ps 2.4 --budget-ps 2.2 --discard-ps 0.2 --max-lag 0.5"
    engine = ("--engine", "toy_walk:ENGINE", "--max-atoms", 30, *short.split(), "-y")
    assert mtl_here("benchmark", "dynamics", "kryptonite").code == 4
    told = mtl_here("benchmark", "dynamics", "li3n", "--launch", "--dry-run", *engine)
    assert "would hand in" in told.err
    told = mtl_here("benchmark", "dynamics", "li3n", "--launch", *engine)
    assert "'dynamics icsd-34280' added: 6 Fireworks" in told.err  # no window: no stability
    assert "nothing of these is simulated yet" in told.err
    assert mtl("worker", "--kind", "heavy", MTL_MONGO_URI=server).code == 0
    told = mtl_here("benchmark", "dynamics", "-o", "answers.yaml")
    assert "1 potentials are new" in told.err
    assert "fewer than 5 materials" in told.out
    (kept,) = yaml.safe_load((project / "answers.yaml").read_text())
    (record,) = json.loads(mtl_here("benchmark", "dynamics", "--json").out)
    assert record["comparisons"][0]["published_S_per_cm"] == [5.8e-4, 5.8e-4]
    assert kept["comparisons"][0]["simulated_S_per_cm"] == record["comparisons"][0]["simulated_S_per_cm"]
    assert "new" not in mtl_here("benchmark", "dynamics").err

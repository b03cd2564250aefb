"""What holds of every command: singular nouns, one meaning for each shared option, choices that are checked."""

import inspect
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import pytest
import typer
from cli_answers import Mtl
from typer.models import OptionInfo

from mtl_flows.cli.app import app
from mtl_flows.science.dynamics import DiffusionStatus
from mtl_flows.science.dynamics.arrhenius import ArrheniusStatus
from mtl_flows.science.gates import STORED
from mtl_flows.store.ranking import RANKINGS
from mtl_flows.vocabulary import DynamicsStatus, GateKey, Ranking, SimulationStatus

# Words that end in s and are no plurals, and the one command that writes several things.
NOT_PLURAL = {"status", "arrhenius", "dynamics", "examples"}
CHOSEN = {
    *(
        "protocol",
        "against",
        "by",
        "verdict",
        "status",
        "stage",
        "kind",
        "provider",
        "corrections",
    ),
}


class Option(NamedTuple):
    """An option as its command declares it."""

    command: str
    name: str
    type: Any
    default: Any
    info: OptionInfo

    @property
    def declared(self) -> set[str]:
        """Flags that are written out; the first stands where typer takes a default outside of `Annotated`."""
        return {one for one in (self.info.default, *(self.info.param_decls or ())) if isinstance(one, str)}

    @property
    def flags(self) -> set[str]:
        return self.declared or {f"--{self.name.replace('_', '-')}"}

    def __str__(self) -> str:
        return f"{self.command} {self.name}"


def commands(group: typer.Typer, path: str = "") -> Iterator[tuple[str, Callable[..., None], str]]:
    """Every command that is shown: its words, its function and its help."""
    for info in group.registered_commands:
        if not info.hidden:
            name = info.name or info.callback.__name__
            yield f"{path} {name}".strip(), info.callback, info.callback.__doc__ or ""
    for sub in group.registered_groups:
        if not sub.hidden:
            yield from commands(sub.typer_instance, f"{path} {sub.name}".strip())


def options(path: str, function: Callable[..., None]) -> Iterator[Option]:
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        for info in getattr(hint, "__metadata__", ()):
            if isinstance(info, OptionInfo) and not info.hidden:
                yield Option(path, parameter.name, hint.__origin__, parameter.default, info)


SHOWN = list(commands(app))
OPTIONS = [option for path, function, _ in SHOWN for option in options(path, function)]


def test_nouns_are_singular() -> None:
    words = {word for path, _, _ in SHOWN for word in path.split()}
    assert {word for word in words if word.endswith("s")} <= NOT_PLURAL


def test_every_command_and_option_is_described() -> None:
    assert [path for path, _, told in SHOWN if not told] == []
    assert [str(option) for option in OPTIONS if not option.info.help] == []


def is_choice(type_: Any) -> bool:
    """Whether every value that is no None is one of a few words."""
    inner = [one for one in get_args(type_) or (type_,) if one is not type(None)]
    if get_origin(type_) is Literal:
        return True
    return all(
        get_origin(one) is Literal
        or (isinstance(one, type) and issubclass(one, Enum))
        or is_list_of_choices(one)
        for one in inner
    )


def is_list_of_choices(type_: Any) -> bool:
    return get_origin(type_) is list and is_choice(get_args(type_)[0])


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_shared_options_mean_one_thing(option: Option) -> None:
    flags, told = option.flags, option.info.help or ""
    if flags & {"--limit", "-n"}:
        assert flags == {"--limit", "-n"}
        assert option.info.min == 0
        assert "0: all" in told
    if "--all" in flags:
        assert (option.type, flags) == (bool, {"--all"})
        assert "no limit" in told
        assert any("--limit" in other.flags for other in OPTIONS if other.command == option.command)
    if "--retry" in flags:
        assert (option.type, flags, told) == (bool, {"--retry"}, "Try again what was refused.")
    if flags & {"--output", "-o"}:
        assert flags == {"--output", "-o"}
        assert option.type in (Path, Path | None)
    if "--json" in flags:
        assert (option.type, flags) == (bool, {"--json"})
    if flags & {"--workers"}:
        assert flags == {"--workers", "-j"}
    if option.name in CHOSEN:
        assert is_choice(option.type)
    if option.type is bool and option.default is False:
        # A switch that is off has no counterpart --no-…, which would say nothing.
        assert option.declared


def test_words_are_those_of_the_program() -> None:
    """The command line offers what the layers below know, and nothing else."""
    assert get_args(GateKey) == tuple(gate.key for gate in STORED)
    assert set(get_args(Ranking)) == set(RANKINGS)
    assert set(map(str, DiffusionStatus)) <= set(get_args(SimulationStatus))
    assert set(map(str, ArrheniusStatus)) <= set(get_args(DynamicsStatus))
    assert set(get_args(SimulationStatus)) - {"converged"} <= set(get_args(DynamicsStatus))


RETIRED = {
    ("candidates",): "query",
    ("clusters", "list"): "cluster",
    ("rejections",): "rejection list",
}


@pytest.mark.parametrize("old", RETIRED, ids=" ".join)
def test_old_names_work_and_say_what_is_used_now(mtl_here: Mtl, server: str, old: tuple[str, ...]) -> None:
    answer = mtl_here(*old)
    assert answer.code == 0, answer
    assert f"is called `mtl {RETIRED[old]}` now" in answer.err


def test_outside_a_project_nothing_is_made(mtl_here: Mtl, project: Path) -> None:
    for command in (
        ("query",),
        ("screen",),
        ("status",),
        ("launch",),
        ("worker",),
        ("job", "list"),
        ("job", "rerun", "--state", "fizzled"),
        ("rejection", "list"),
        ("campaign", "list"),
        ("db", "start"),
        ("label", "licl", "--known"),
    ):
        answer = mtl_here(*command)
        assert answer.code == 4, answer
        assert "no project here" in answer.err
        assert "mtl init" in answer.err
        assert "MTL_MONGO_URI" in answer.err
    assert list(project.iterdir()) == []

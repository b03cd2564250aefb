"""One declaration of options for all commands that take them."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any


def takes(
    name: str, make: Callable[..., Any], **defaults: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command every parameter of `make` as an option, in the place of its parameter `name`.

    Parameters
    ----------
    name
        Parameter of the command that is given what `make` returns.
    make
        Function or dataclass whose parameters are annotated for typer.
    defaults
        Of this command, where they are its own.
    """
    options = [
        parameter.replace(
            kind=inspect.Parameter.KEYWORD_ONLY, default=defaults.get(parameter.name, parameter.default)
        )
        for parameter in inspect.signature(make).parameters.values()
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(*args: Any, **given: Any) -> None:
            made = make(**{option.name: given.pop(option.name) for option in options if option.name in given})
            command(*args, **given, **{name: made})

        signature = inspect.signature(command)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != name]
        shown = signature.replace(parameters=[*own, *options])
        run.__signature__ = shown  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in shown.parameters.values()}
        return run

    return decorate

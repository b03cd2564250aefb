"""What a job finds around it when a worker runs it: database, job store, output files, heartbeat."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import IO, Any

import jobflow

from mtl_flows.launch.heartbeat import heartbeats
from mtl_flows.launch.insides import first_come_first_served, no_terminal_handlers, prompt_locks
from mtl_flows.launch.launchpad import job_store
from mtl_flows.store.connection import Connection

LOG_FILE = "worker.log"
EVALUATOR_LOG = "evaluator.log"
OUTPUT_FILE, ERROR_FILE = "FW_job.out", "FW_job.error"

_LOGGERS = ("launchpad", "rocket.launcher", "jobflow")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LOG_FORMAT = "%(asctime)s %(process)d %(name)s %(levelname)s %(message)s"


@contextmanager
def worker_environment(connection: Connection, folder: Path) -> Iterator[None]:
    """Set this process up to run jobs in `folder`, and put everything back afterwards.

    Jobs and the processes they start resolve plain settings to the worker's server; the credentials in the
    environment are visible to the same user alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        environment_variables({"MTL_MONGO_URI": connection.uri}),
        _job_store(connection),
        _log_to(folder / LOG_FILE),
        heartbeats(),
        first_come_first_served(),
        prompt_locks(),
    ):
        yield


@contextmanager
def environment_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    previous = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def working_directory(folder: Path) -> Iterator[IO[str]]:
    """Work in `folder`, with what is printed going into files there; hands out the one for errors."""
    previous = Path.cwd()
    os.chdir(folder)
    try:
        with ExitStack() as stack:
            output, errors = (
                Path(name).open("a", buffering=1)  # noqa: SIM115 - closed by `_close`
                for name in (OUTPUT_FILE, ERROR_FILE)
            )
            for file in (output, errors):
                stack.callback(_close, file)
            stack.enter_context(redirect_stdout(output))
            stack.enter_context(redirect_stderr(errors))
            yield errors
    finally:
        os.chdir(previous)


def _close(file: IO[str]) -> None:
    """Close a file; what finds no room in it any more is worth less than the job that said it."""
    with suppress(OSError):
        file.close()


@contextmanager
def _job_store(connection: Connection) -> Iterator[None]:
    previous = jobflow.SETTINGS.JOB_STORE
    store: Any = job_store(connection)
    jobflow.SETTINGS.JOB_STORE = store
    try:
        yield
    finally:
        jobflow.SETTINGS.JOB_STORE = previous
        store.close()


@contextmanager
def _log_to(file: Path) -> Iterator[None]:
    """Send the engines' logs into a file, and keep FireWorks from adding its handlers for the terminal."""
    handler = logging.FileHandler(file)
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter(_LOG_FORMAT))
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    previous = [(log.handlers, log.level, log.propagate) for log in loggers]
    for log in loggers:
        log.handlers, log.propagate = [handler], False
    try:
        with no_terminal_handlers((name, level) for name in _LOGGERS for level in _LEVELS):
            yield
    finally:
        for log, (handlers, level, propagate) in zip(loggers, previous, strict=True):
            log.handlers, log.propagate = handlers, propagate
            log.setLevel(level)
        handler.close()

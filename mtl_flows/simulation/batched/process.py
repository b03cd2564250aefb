"""Starting the process that evaluates, and noticing that it has ended."""

import multiprocessing
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from mtl_flows.errors import CalculationError
from mtl_flows.parallel import ignoring_interrupts
from mtl_flows.simulation.batched.evaluator import serve

_PATIENCE_S = 60.0


class EvaluatorProcess:
    """A process that evaluates potentials for others.

    It ends when nobody is left who might ask.

    Parameters
    ----------
    n_clients
        How many may ask.
    log
        File for what libraries print there.

    Attributes
    ----------
    clients
        Ends of pipes, one for each; whoever hands one on to another process closes its own copy.
    """

    def __init__(self, n_clients: int, log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        pairs = [context.Pipe() for _ in range(n_clients)]
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self.clients: list[Pipe] = [client for client, _ in pairs]
        self._process = context.Process(target=serve, args=([end for _, end in pairs], log), daemon=True)
        with ignoring_interrupts():  # it ends with those who ask
            self._process.start()
        for _, end in pairs:
            end.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid or 0

    def close(self) -> None:
        """Let it end.

        Raises
        ------
        CalculationError
            If it had ended before, by itself.
        """
        for client in self.clients:
            client.close()
        self._process.join(_PATIENCE_S)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        elif self._process.exitcode != 0:
            raise CalculationError(
                f"the process that evaluates ended by itself, with code {self._process.exitcode}",
                subject="the batch",
                remedy=f"see {self.log}; if memory did not suffice, run fewer simulations at a time",
            )

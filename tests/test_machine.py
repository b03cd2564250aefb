"""Processes told apart by the kernel's own files and by psutil, which must agree on what there is."""

import os
import subprocess
import sys

import psutil
import pytest

from mtl_flows.machine import Elsewhere, Kernel, Linux, kernel, processors

KERNELS = [pytest.param(Elsewhere(), id="elsewhere")]
if sys.platform == "linux":
    KERNELS.append(pytest.param(Linux(), id="linux"))


@pytest.mark.parametrize("one", KERNELS)
def test_a_process_is_known_while_it_lives_and_not_afterwards(one: Kernel) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", "an argument"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        started = one.started(child.pid)
        assert started > 0
        assert one.started(child.pid) == started
        assert one.command(child.pid)[-1] == b"an argument"
        assert one.started(os.getpid()) not in (0, started)
        assert child.stdin is not None
        child.stdin.close()
        os.waitid(
            os.P_PID, child.pid, os.WEXITED | os.WNOWAIT
        )  # it has ended, and its parent has not noticed
        assert one.started(child.pid) == 0
    assert one.started(child.pid) == 0
    assert one.command(child.pid) == []


@pytest.mark.parametrize("one", KERNELS)
def test_a_machine_says_the_same_of_itself(one: Kernel) -> None:
    boot, namespace = one.here()
    assert (boot, namespace) == one.here()
    assert boot
    assert namespace


def test_this_machine_has_its_own_kernel() -> None:
    assert isinstance(kernel(), Linux) == (sys.platform == "linux")
    assert 1 <= processors() <= (psutil.cpu_count() or 1)

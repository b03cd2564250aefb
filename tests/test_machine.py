"""Processes told apart by the kernel's own files and by psutil, which must agree on what there is."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import mtl_flows
from mtl_flows.machine import Elsewhere, Kernel, Linux, kernel, processors

PACKAGE = Path(mtl_flows.__file__).parent
# Of the standard library, what macOS lacks or does otherwise.
LINUX_ALONE = {
    *(
        "sched_getaffinity",
        "sched_setaffinity",
        "sched_getscheduler",
        "prlimit",
        "RLIMIT_DATA",
        "setrlimit",
        "getrlimit",
    ),
    *(
        "posix_fadvise",
        "posix_fallocate",
        "copy_file_range",
        "splice",
        "memfd_create",
        "getrandom",
        "eventfd",
    ),
    *(
        "pidfd_open",
        "pidfd_send_signal",
        "setns",
        "unshare",
        "epoll",
        "inotify",
        "O_DIRECT",
        "O_TMPFILE",
        "fdatasync",
    ),
    *("SIGRTMIN", "SIGRTMAX", "SIGPWR", "SIGSTKFLT", "sigtimedwait", "sigwaitinfo", "sched_setscheduler"),
    *(
        "CLOCK_BOOTTIME",
        "CLOCK_MONOTONIC_RAW",
        "F_OFD_SETLK",
        "F_OFD_SETLKW",
        "F_SETPIPE_SZ",
        "ru_maxrss",
        "prctl",
    ),
    *("cpu_affinity", "memory_maps", "io_counters", "ionice", "sendfile", "AF_NETLINK", "SO_PEERCRED"),
}
LINUX_PLACES = ("/proc", "/sys/", "/dev/shm", "/etc/mtab", "/run/")

KERNELS = [pytest.param(Elsewhere(), id="elsewhere")]
if sys.platform == "linux":
    KERNELS.append(pytest.param(Linux(), id="linux"))


@pytest.mark.parametrize("one", KERNELS)
def test_a_process_is_known_while_it_lives_and_not_afterwards(one: Kernel) -> None:
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "an argument"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()  # what it was called with is known once it runs
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


def test_what_linux_alone_has_is_asked_for_in_one_module() -> None:
    found = set()
    for file in PACKAGE.rglob("*.py"):
        if file.name != "machine.py":
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in LINUX_ALONE:
                    found.add(f"{file.name}: {node.attr}")
                elif isinstance(node, ast.Name) and node.id in LINUX_ALONE:
                    found.add(f"{file.name}: {node.id}")
                elif isinstance(node, ast.Constant) and str(node.value).startswith(LINUX_PLACES):
                    found.add(f"{file.name}: {node.value!r}")
    assert found == set()


def test_every_signal_that_is_named_is_everywhere() -> None:
    everywhere = {
        "SIGINT",
        "SIGTERM",
        "SIGKILL",
        "SIGSTOP",
        "SIGCONT",
        "SIGHUP",
        "SIGCHLD",
        "SIG_IGN",
        "SIG_DFL",
        "SIG_BLOCK",
        "SIG_SETMASK",
    }
    named = {
        node.attr
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr.startswith("SIG") and hasattr(signal, node.attr)
    }
    assert named <= everywhere


def test_a_limit_of_memory_stays_below_that_of_the_system() -> None:
    """In a process of its own, since what was lowered cannot be raised."""
    code = (
        "import resource; from mtl_flows.machine import limit_data; lower = 2**30; "
        "resource.setrlimit(resource.RLIMIT_DATA, (lower, lower)); limit_data(4096); "
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0] == lower); limit_data(512); "
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0] == 512 * 2**20)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["True", "True"]

"""What takes longer to load than a small batch to compute; imported by the server that processes are copied from.

Whatever an import raises there is left to the calls that need it: it must not end the server, on which all rest.
"""

from contextlib import suppress
from importlib import import_module

for _module in ("gph", "mtl_flows.science.barrier.kernels"):
    with suppress(Exception):
        import_module(_module)

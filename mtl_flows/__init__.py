"""Discovery of superionic conductors by multiscale topological learning."""

__version__ = "0.1.0"

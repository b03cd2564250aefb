"""The command line: thin, every command a few lines over a function of the layers below."""

from mtl_flows.cli.app import main

__all__ = ["main"]

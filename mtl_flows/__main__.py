"""Run the command line as ``python -m mtl_flows``."""

from mtl_flows.cli import main

if __name__ == "__main__":
    main()

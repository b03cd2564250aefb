"""How the screening compares: with published tables, and with measured conductivities."""

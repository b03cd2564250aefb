"""Flow Makers: screening, dynamics, discovery."""

"""Dynamics of crystals in files: no database, no workflow; what is computed is kept in a folder."""

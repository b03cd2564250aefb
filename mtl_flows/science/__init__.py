"""Pure science on pymatgen structures and numpy arrays: no database, no workflow engine, no settings."""

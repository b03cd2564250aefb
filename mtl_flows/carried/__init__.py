"""Calculations as folders, for machines that see no database: what an engine is asked for, and what it answered."""

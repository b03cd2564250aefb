"""The candidate table as an OPTIMADE provider: a standard that other databases' clients speak."""

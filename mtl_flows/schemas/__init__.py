"""Pydantic documents, one module per stage."""

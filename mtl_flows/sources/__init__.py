"""Structures from elsewhere, written as folders that `mtl ingest` reads."""

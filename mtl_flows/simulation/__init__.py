"""Molecular dynamics without a database: engines, thermostat, chunks, frames, atomate2 Makers."""

"""Jobflow Makers: read inputs, call science, write documents."""

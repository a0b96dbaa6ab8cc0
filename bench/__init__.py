"""Measurements: ratios within one run, printed as a table; never a test that fails when a machine is slow."""

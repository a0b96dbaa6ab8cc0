"""Checks across the files of a state repository. Pure; each adds what it finds to a Report."""

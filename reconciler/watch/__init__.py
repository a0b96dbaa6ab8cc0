"""Turns outside events into wakes."""

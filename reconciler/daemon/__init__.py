"""The long-running process: one loop that owns every effect."""

"""A folder per managed server: each renders (pure), checks, stages, commits, verifies and puts back."""

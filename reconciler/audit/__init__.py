"""The history of what was deployed: a commit per apply on a branch of its own, notes on state commits."""

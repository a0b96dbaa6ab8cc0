"""The state repository: reading commits, recording the audit, hooks."""

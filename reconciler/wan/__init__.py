"""The public address: what counts as one, what sources say, when it is published. Pure; times are Unix seconds."""

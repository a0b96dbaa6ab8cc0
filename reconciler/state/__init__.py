"""Desired state: what stands in the git repository, read, typed and checked. Pure: bytes in, values out."""

"""All that is needed to start again when a node's disks are gone, as one file, and a node made from it."""

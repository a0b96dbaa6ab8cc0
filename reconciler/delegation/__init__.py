"""What the parent zone has to say about one of our zones, and whether it does."""

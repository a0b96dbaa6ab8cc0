"""The role by DRBD's own word, of 8.4 and 9: the parsers and the decision are pure, the provider asks the kernel."""

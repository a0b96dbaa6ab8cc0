"""Two nodes on one machine, in namespaces: a pair to play with, to fail, and to test."""

"""The public address on a primary: threads that ask for it and publish it."""

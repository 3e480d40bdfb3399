"""The steps of a run on a host and on the pool: each one makes it so, and returns what proves it."""

"""The HTTP process: it owns all state, and no code of the user runs in it."""

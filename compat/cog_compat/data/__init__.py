"""Tables made by `make compat`: one module each, rows of text, newest first."""

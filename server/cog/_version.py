"""The version of the package, as text: in an image there is no installed metadata to ask."""

__version__ = "0.1.0.dev0"

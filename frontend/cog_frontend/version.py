"""The version of cogkit, written once, and the frontend image that belongs to it."""

VERSION = "0.1.0.dev0"


def frontend_of(version: str) -> str:
    """Return the frontend image of a version.

    A release has its own in the public registry. A version in development (PEP 440 ``.devN``) has
    the one that ``make image`` pushed to the registry of this machine.
    """
    if ".dev" in version:
        return "localhost:5000/cogkit/frontend:dev"
    return f"ghcr.io/cogkit/frontend:{version}"


FRONTEND = frontend_of(VERSION)

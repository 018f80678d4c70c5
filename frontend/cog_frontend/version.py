"""The version of cogkit, written once, and the images released with it."""

VERSION = "0.1.0"
RELEASED_FRONTEND = f"ghcr.io/cogkit/frontend:{VERSION}"
RELEASED_TOOLBOX = f"{RELEASED_FRONTEND}-toolbox"

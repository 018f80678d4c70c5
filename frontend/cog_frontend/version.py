"""The version of cogkit, written once, and the frontend image released with it."""

VERSION = "0.1.0"
RELEASED_FRONTEND = f"ghcr.io/cogkit/frontend:{VERSION}"

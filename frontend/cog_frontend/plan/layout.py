"""Where things are: fixed paths of a model image and of the toolbox image."""

SOURCE = "/src"
RUNTIME = "/opt/cog"
VENV = "/opt/venv"
VENV_BIN = f"{VENV}/bin"
PYTHON = f"{VENV_BIN}/python"
TINI = f"{RUNTIME}/bin/tini"
SERVE = f"{RUNTIME}/serve.py"
RUNTIME_PACKAGES = f"{RUNTIME}/lib"
SCHEMA = f"{SOURCE}/.cog/openapi_schema.json"
CONFIG = f"{SOURCE}/cog.yaml"
LOCK = f"{SOURCE}/.cog/pylock.toml"
PORT = 5000

TOOLBOX_UV = "/bin/uv"
TOOLBOX_INVENTORY = "/lib/inventory.py"
BUILD_UV = "/run/cogkit/uv"
BUILD_INVENTORY = "/run/cogkit/inventory.py"
BUILD_REQUIREMENTS = "/run/cogkit/requirements"
# What a command leaves under it is a layer: there, /made/opt/venv stands for /opt/venv.
BUILD_MADE = "/run/cogkit/made"
BUILD_SECRETS = "/run/cogkit/secrets"
BUILD_DIGESTS = "/run/cogkit/secret-digests"
BUILD_NETRC = "/run/cogkit/netrc"


def toolbox_runtime(python: str) -> str:
    """The toolbox's folder with the runtime for a Python such as ``3.12``."""
    return f"/runtime/{python}"


def site_packages(python: str) -> str:
    """Where the venv of a Python such as ``3.12`` keeps packages."""
    return f"{VENV}/lib/python{python}/site-packages"

"""cog.yaml -> Config: `read_config` is the one way in."""

from cog_frontend.config.model import (
    SUPPORTED_PYTHONS,
    Build,
    Command,
    Concurrency,
    Config,
    Located,
    SecretMount,
    Variable,
    config_keys,
)
from cog_frontend.config.reader import examine_config, is_inside, read_config

__all__ = [
    "SUPPORTED_PYTHONS",
    "Build",
    "Command",
    "Concurrency",
    "Config",
    "Located",
    "SecretMount",
    "Variable",
    "config_keys",
    "examine_config",
    "is_inside",
    "read_config",
]

"""cog.yaml -> Config: `read_config` is the one way in."""

from cog_frontend.config.keys import config_keys
from cog_frontend.config.model import (
    SUPPORTED_PYTHONS,
    Build,
    Command,
    Compression,
    Concurrency,
    Config,
    CopyEntry,
    Index,
    Located,
    SecretMount,
    SshMount,
    Variable,
    Weight,
    WeightSource,
)
from cog_frontend.config.reader import Examined, examine_config, is_inside, read_config
from cog_frontend.config.texts import is_file_name

__all__ = [
    "SUPPORTED_PYTHONS",
    "Build",
    "Command",
    "Compression",
    "Concurrency",
    "Config",
    "CopyEntry",
    "Examined",
    "Index",
    "Located",
    "SecretMount",
    "SshMount",
    "Variable",
    "Weight",
    "WeightSource",
    "config_keys",
    "examine_config",
    "is_file_name",
    "is_inside",
    "read_config",
]

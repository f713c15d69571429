"""The configuration file."""

from pathlib import Path

from kproxy.configuration.config import ConfigError, Configuration, from_mapping
from kproxy.configuration.defaults import document
from linux.logging_kv import get_logger

_log = get_logger("kproxy.config")


def load(path: str) -> Configuration:
    """Unknown fields are named in a warning and left out."""
    import yaml

    try:
        text = Path(path).read_text()
    except OSError as error:
        raise ConfigError(f"--config {path}: {error.strerror}") from error
    try:
        data = next(yaml.safe_load_all(text), None)  # of several documents the first
    except yaml.YAMLError as error:
        raise ConfigError(f"--config {path} is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"--config {path}: no KubeProxyConfiguration in it")
    try:
        config, unknown = from_mapping(data)
    except ConfigError as error:
        raise ConfigError(f"--config {path}: {error}") from error
    if unknown:
        _log.warning("unknown fields of the configuration are ignored", file=path, fields=",".join(unknown))
    return config


def write(config: Configuration, path: str) -> None:
    """As `load` reads it, defaults included."""
    import yaml

    try:
        Path(path).write_text(yaml.safe_dump(document(config), sort_keys=True))
    except OSError as error:
        raise ConfigError(f"--write-config-to {path}: {error.strerror}") from error
    _log.info("configuration written", file=path)

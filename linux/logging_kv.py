"""Logs as `key=value` lines on stderr: `time=… level=info logger=kproxy.drive msg="synced" services=3`.

The standard library's logging underneath, so that other libraries' records come out the same way.
"""

from __future__ import annotations

import json as json_codec
import logging
import re
import sys
import time
from typing import Any

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+\-\[\],]+\Z")
LEVELS = ("debug", "info", "warning", "error")


class Logger:
    """Takes a constant message, so that lines can be counted, and values as keywords."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, message: str, **values: object) -> None:
        self._log(logging.DEBUG, message, values)

    def info(self, message: str, **values: object) -> None:
        self._log(logging.INFO, message, values)

    def warning(self, message: str, **values: object) -> None:
        self._log(logging.WARNING, message, values)

    def error(self, message: str, **values: object) -> None:
        self._log(logging.ERROR, message, values)

    def exception(self, message: str, **values: object) -> None:
        """An error with the traceback of the exception being handled."""
        self._log(logging.ERROR, message, values, trace=True)

    def log(self, level: str, message: str, **values: object) -> None:
        self._log(logging.getLevelName(level.upper()), message, values)

    def _log(self, level: int, message: str, values: dict[str, object], *, trace: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", message, extra={"kv": values}, exc_info=trace)


def get_logger(name: str) -> Logger:
    return Logger(name)


def setup(program: str, level: str = "info", *, json: bool = False) -> None:
    """Send all logs of this process to stderr, from level up. Calling it again replaces the former setting."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter(program) if json else _KeyValueFormatter(program))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def set_level(level: str) -> None:
    """From now on, for all logs of this process."""
    logging.getLogger().setLevel(level.upper())


def render(values: dict[str, Any]) -> str:
    """`a=1 b="two words"`; None is left out."""
    return " ".join(f"{key}={_quoted(value)}" for key, value in values.items() if value is not None)


def _quoted(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if _PLAIN.match(text) else json_codec.dumps(text, ensure_ascii=False)


class _KeyValueFormatter(logging.Formatter):
    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        values: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "program": self._program,
            "logger": record.name,
            "msg": record.getMessage(),
            **getattr(record, "kv", {}),
        }
        if record.exc_info:
            values["trace"] = self.formatException(record.exc_info)
        return values

    def format(self, record: logging.LogRecord) -> str:
        return render(self.fields(record))


class _JsonFormatter(_KeyValueFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return json_codec.dumps(self.fields(record), default=str, ensure_ascii=False)

"""Logs of the control plane: `key=value` lines on stderr, from the standard library's records."""

import json
import logging
import re
import sys
import time

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+\-\[\],]+\Z")


class KeyValueFormatter(logging.Formatter):
    """`time=… level=info logger=kube.cli msg="ready" …`; extra={"kv": {…}} adds pairs."""

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        pairs: dict[str, object] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **getattr(record, "kv", {}),
        }
        if record.exc_info:
            pairs["trace"] = self.formatException(record.exc_info)
        return " ".join(f"{name}={_quoted(str(value))}" for name, value in pairs.items())


def _quoted(text: str) -> str:
    return text if _PLAIN.match(text) else json.dumps(text, ensure_ascii=False)


def setup(level: str) -> None:
    """All logs of this process to stderr, from level up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KeyValueFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())

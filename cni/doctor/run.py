"""kcni doctor: prints the findings."""

from __future__ import annotations

from cni.doctor.facts_run import collect
from cni.doctor.findings import findings


def main(conf_dir: str, bin_dirs: str) -> int:
    """Status 1 if anything is an error."""
    found = findings(collect(conf_dir, bin_dirs))
    for item in found:
        print(f"{item.level}: {item.what}\n    mend: {item.mend}")
    if not found:
        print("nothing found that keeps pod networks from working")
    return 1 if any(item.level == "error" for item in found) else 0

"""A file's golden pair in the other interpreter, where its environment has been made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# ``make setup-tflite`` makes it, with tflite-runtime in place of ai-edge-litert.
ENVIRONMENT = ROOT / ".venv-tflite"
LIMIT_SECONDS = 300


def is_there() -> bool:
    """Whether the other environment has been made, and whole."""
    return (ENVIRONMENT / ".installed").is_file()


def selftest_elsewhere(path: Path) -> tuple[bool, str] | None:
    """Run the self-test in the other environment.

    Returns:
        Whether the file passed, and one line of detail; None where there is no such environment.
    """
    if not is_there():
        return None
    python = ENVIRONMENT / "bin" / "python"
    # Nothing of this environment's: its packages are of another NumPy.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [python, "-m", "edge_demo", "selftest", str(path.resolve())],
            cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace",
            timeout=LIMIT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False, f"not done after {LIMIT_SECONDS} s in {ENVIRONMENT.name}"
    except OSError as error:  # what a moved environment's link leads to
        return False, f"{ENVIRONMENT.name} cannot be started ({error.strerror})"
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    last = lines[-1].strip() if lines else f"exit code {done.returncode}"
    # ``ok   FILE: DETAIL`` or ``FAIL FILE: DETAIL``.
    return done.returncode == 0, last.partition(f"{path.name}: ")[2] or last

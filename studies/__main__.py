"""``python -m studies NAME [options]``: run a study; without a name, list them."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent


def names() -> dict[str, str]:
    """Study to the first line of what it says of itself; importing all would take a minute."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        source = path / "__init__.py" if path.is_dir() else path
        if source.suffix != ".py" or path.stem.startswith("_") or not source.is_file():
            continue
        tree = ast.parse(source.read_text(encoding="utf-8"))
        if any(isinstance(one, ast.FunctionDef) and one.name == "main" for one in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    known = names()
    if not arguments or arguments[0] in ("-h", "--help"):
        print("python -m studies NAME [options]\n")
        width = max(map(len, known))
        for name, line in known.items():
            print(f"  {name:<{width}}  {line}")
        return 0
    name, *rest = arguments
    if name not in known:
        print(f"python -m studies: no study named {name!r}; known: {', '.join(known)}",
              file=sys.stderr)  # fmt: skip
        return 2
    code: int | None = importlib.import_module(f"studies.{name}").main(rest)
    return code or 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What the stages of `make book` took here: a table of the times that the build keeps.

python benchmarks/book.py [_build/times.csv]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book"))

from stage import Stage, read


def wall(stages: list[Stage]) -> float:
    """Seconds in which at least one of the stages ran."""
    whole, until = 0.0, 0.0
    for one in sorted(stages, key=lambda one: one.began):
        end = one.began + one.seconds
        whole += max(0.0, end - max(one.began, until))
        until = max(until, end)
    return whole


def table(stages: list[Stage]) -> str:
    """The last time of each stage, the longest first, with its share of all."""
    last = {one.name: one for one in stages}
    total = sum(one.seconds for one in last.values())
    lines = [f"{'stage':28} {'seconds':>8} {'share':>7}"]
    for one in sorted(last.values(), key=lambda one: -one.seconds):
        lines.append(f"{one.name:28} {one.seconds:8.1f} {one.seconds / total:7.1%}")
    lines.append(f"{'all, one after the other':28} {total:8.1f} {1:7.1%}")
    lines.append(f"{'all, as they ran':28} {wall(list(last.values())):8.1f}")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "_build/times.csv")
    found = read(file)
    sys.exit(f"No times in {file}. Allowed: a file that `make book` has written.") if not (
        found
    ) else print(table(found))


if __name__ == "__main__":
    main()

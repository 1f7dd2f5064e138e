"""From measurements to rows, and the table that people read."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from participants import Participant, Workload
from process import BenchError

# Metric, and whether less is better.
METRICS = {"cpu_us_per_op": True, "syscalls_per_op": True, "ops_per_s": False}

Round = Mapping[str, float]
Measured = Mapping[Participant, Sequence[Round]]


@dataclass(frozen=True)
class Row:
    """One comparison.  `ratio` is the median of the ratios of each round, not of the medians."""

    name: str
    metric: str
    abio: float
    peer: str
    peer_value: float
    ratio: float

    @property
    def loses(self) -> bool:
        ratio = round(self.ratio, 2)
        return ratio > 1 if METRICS[self.metric] else ratio < 1

    def as_json(self) -> dict[str, object]:
        return {
            key: round(value, 4) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


def row_of(
    name: str, metric: str, peer: str, ours: Sequence[Round], theirs: Sequence[Round]
) -> Row:
    if len(ours) != len(theirs) or not ours:
        raise BenchError(f"{name}: the rounds of abio and {peer} do not pair up")
    abio = [measured[metric] for measured in ours]
    other = [measured[metric] for measured in theirs]
    if min(other) <= 0:
        raise BenchError(f"{name}: {peer} measured no {metric}")
    return Row(
        name,
        metric,
        statistics.median(abio),
        peer,
        statistics.median(other),
        statistics.median(mine / yours for mine, yours in zip(abio, other)),
    )


def rows_of(workload: Workload, measured: Measured) -> list[Row]:
    return [
        row_of(
            f"{line.prefix}/{peer.name}", metric, peer.name, measured[line.abio], measured[peer]
        )
        for line in workload.lines
        for peer in line.peers
        for metric in METRICS
    ]


def by_name(rows: Iterable[Row]) -> dict[str, dict[str, Row]]:
    named: dict[str, dict[str, Row]] = {}
    for row in rows:
        named.setdefault(row.name, {})[row.metric] = row
    return named


def table(rows: Iterable[Row]) -> str:
    """One line per comparison: abio, the peer and the ratio by metric; * where abio loses."""
    titles = "".join(f"{metric:>27}" for metric in METRICS)
    columns = f"{'abio':>10}{'peer':>9}{'ratio':>7} " * len(METRICS)
    lines = [f"{'':42}{titles}", f"{'':42}{columns}"]
    for name, metrics in by_name(rows).items():
        cells = ""
        for metric in METRICS:
            row = metrics[metric]
            digits = 0 if metric == "ops_per_s" else 2
            mark = "*" if row.loses else " "
            cells += f"{row.abio:10.{digits}f}{row.peer_value:9.{digits}f}{row.ratio:7.2f}{mark}"
        lines.append(f"{name:42}{cells}")
    return "\n".join(lines)


def losing(rows: Iterable[Row]) -> str:
    """Every comparison in which abio loses something, and by how much."""
    named = by_name(row for row in rows if row.loses)
    if not named:
        return "abio loses nowhere."
    count = sum(len(metrics) for metrics in named.values())
    lines = [f"abio loses {count} rows (ratio of abio to the peer):"]
    for name, metrics in named.items():
        lost = ", ".join(f"{metric} {row.ratio:.2f}" for metric, row in metrics.items())
        lines.append(f"  {name:42}{lost}")
    return "\n".join(lines)


def saturated(measured: Measured) -> list[str]:
    """Who kept the load generator busy all the time: their `ops_per_s` is its limit."""
    return [
        participant.name
        for participant, rounds in measured.items()
        if statistics.median(one["client_busy"] for one in rounds) > 0.95
    ]


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def environment(
    backends: Iterable[str], counter: str, cores: tuple[int, int], busy_before: float
) -> str:
    versions = f"Python {platform.python_version()}"
    for package in ("uvloop", "aiofiles", "cffi"):
        try:
            versions += f", {package} {version(package)}"
        except PackageNotFoundError:
            versions += f", no {package}"
    return "\n".join(
        [
            f"kernel {platform.release()}, {os.cpu_count()} x {processor()}",
            f"server on core {cores[0]}, load generator on core {cores[1]}; "
            f"load average before the run {busy_before:.1f}"
            + (": NOT IDLE, the numbers are rough" if busy_before > 0.5 else ""),
            versions,
            "abio's backend: " + "; ".join(sorted(backends)),
            f"system calls counted by {counter}",
        ]
    )

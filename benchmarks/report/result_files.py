"""The files that a measurement is asked to leave: the result as JSON and CSV, and a page with charts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepmark.benchmarks.report.accuracy import read_accuracies
from deepmark.benchmarks.report.page import make_page
from deepmark.benchmarks.result.document import BenchResult
from deepmark.benchmarks.result.formats import write_csv, write_result
from deepmark.errors import UsageError
from deepmark.page import require_report, write_page


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """Where to write a result.

    Attributes:
        output: JSON file with every sample and the environment; None for none.
        csv: CSV file with every sample as a line; None for none.
        report: HTML file with charts; None for none.
        accuracy: JSON files of ``deepmark eval``, for the report.
    """

    output: Path | None = None
    csv: Path | None = None
    report: Path | None = None
    accuracy: tuple[Path, ...] = ()

    def check(self) -> None:
        """Refuse, before the work, what could not be written after it.

        Raises:
            UsageError: an accuracy is given, but no report.
            DataError: an accuracy cannot be read.
            DeepMarkError: the libraries for a report are not installed.
        """
        if self.report is not None:
            require_report()
        elif self.accuracy:
            raise UsageError("--accuracy goes into the report", hint="give --report FILE.html too")
        if self.accuracy:
            read_accuracies(self.accuracy)

    def write(self, result: BenchResult) -> None:
        """Write them.

        Raises:
            DeepMarkError: a file cannot be written.
        """
        if self.output is not None:
            write_result(self.output, result)
        if self.csv is not None:
            write_csv(self.csv, result)
        if self.report is not None:
            write_page(self.report, make_page(result, read_accuracies(self.accuracy)))

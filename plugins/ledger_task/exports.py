"""Files of a task: on any file system that Airflow knows, or below ``AIRFLOW_HOME``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger_task.private import map_index_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow.sdk import BaseOperator, Context

    from include.exports import ExportFormat
    from include.records import Row


class RowsFile:
    """The file that a task writes its rows to.

    :param task: whose run and id name the file when no path is given.
    :param path: of any file system that Airflow knows, such as ``s3://aws_default@bucket/rows.jsonl``.
    :param fmt: ``jsonl`` or ``parquet``.
    :raises ConfigurationError: path or format are wrong; nothing was asked of a service yet.
    """

    def __init__(self, task: BaseOperator, context: Context, *, path: str | None, fmt: str) -> None:
        from airflow.sdk import ObjectStoragePath  # noqa: PLC0415 - lazily, for the Dag parse

        from include.errors import ConfigurationError  # noqa: PLC0415
        from include.exports import checked_format, default_path  # noqa: PLC0415

        index = map_index_of(context)
        self.path = path or default_path(task.dag_id, str(context["run_id"]), task.task_id, fmt, map_index=index)
        self.format: ExportFormat = checked_format(fmt, self.path)
        try:
            self._target = ObjectStoragePath(self.path)
            self._target.fs  # noqa: B018 - a missing package or connection shows here, before anything is read
        except (ImportError, ValueError, OSError) as error:
            raise ConfigurationError(
                f"`path` names a place that cannot be reached from here ({type(error).__name__}).",
                reason_code="export.path.unreachable",
                way_out="Install the file system's package, name its connection (s3://conn_id@bucket/…), or use file://.",
            ) from None

    def save(self, rows: Iterable[Row], *, columns: Sequence[str] = ()) -> dict[str, Any]:
        """Write the rows; return what goes to XCom: where they are and how many, never one of them."""
        from include.exports import save_rows  # noqa: PLC0415

        count = save_rows(rows, self._target, self.format, columns=columns)
        return {"count": count, "path": self.path, "format": self.format}


def file_content(path: str, *, most_bytes: int = 20 * 1024 * 1024) -> bytes:
    """Return what is in a file.

    :param path: of any file system that Airflow knows.
    :param most_bytes: a larger file is not read into memory.
    :raises ConfigurationError: it cannot be read, or is too large.
    """
    from airflow.sdk import ObjectStoragePath  # noqa: PLC0415

    from include.errors import ConfigurationError  # noqa: PLC0415

    try:
        place = ObjectStoragePath(path)
        # Not by its own `open`: that reports the path to lineage, and the name of a file may be a person's.
        with place.fs.open(place.path, "rb") as file:
            content = bytes(file.read(most_bytes + 1))
    except (ImportError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"A file cannot be read on the worker ({type(error).__name__}).",
            reason_code="personio.files.not_readable",
            way_out="Check the path, and that the worker may read it.",
        ) from None
    if len(content) > most_bytes:
        raise ConfigurationError(
            f"A file is larger than {most_bytes // 1024 // 1024} MB.",
            reason_code="personio.file.file-too-big",
            way_out="Send a smaller file.",
        )
    return content

"""HTTP shapes of reports."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Code = Annotated[str, Field(min_length=1, max_length=64)]


class ReportIn(BaseModel):
    """The report of a set over a period (2015-Q1, also 2015-03, 2015-H1 or 2015), as PDF/A or as Word document."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"set": "WH2015-DISTRICT", "period": "2015-01", "format": "pdf"}]},
    )

    set: Code
    period: Annotated[str, Field(max_length=7)]
    format: Literal["pdf", "docx"]


class ReportProgress(BaseModel):
    """Steps done out of all: read, asked for problems, written."""

    done: int
    total: int


class ReportOut(BaseModel):
    """A report: how far it is, and its file once it is done and while it is kept.

    `code` says why it failed. `content` is where the file is read, `sha256` and `size` are the file's.
    """

    report_id: UUID
    set: str
    period: str
    format: Literal["pdf", "docx"]
    state: Literal["waiting", "running", "done", "failed"]
    code: str | None
    progress: ReportProgress
    made_at: datetime
    made_by: str
    finished_at: datetime | None
    content: str | None
    sha256: str | None
    size: int | None
    kept_until: datetime | None

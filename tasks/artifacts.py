"""What a run leaves in the Prefect UI: the findings, the plan, the report."""

import base64
from collections.abc import Sequence

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from xenpatch.plan import words
from xenpatch.plan.forecast import Forecast
from xenpatch.plan.markdown import costs, markdown
from xenpatch.plan.model import Plan
from xenpatch.prechecks.finding import Finding
from xenpatch.saved_report import ALT


def findings(found: Sequence[Finding]) -> None:
    """All findings as a table; an empty one says that there are none."""
    table = [
        {
            "severity": f.severity.value,
            "check": f.check,
            "of": f.subject,
            "finding": f.message,
            "advice": f.help,
        }
        for f in found
    ]
    create_table_artifact(table=table, key="findings", description=f"{len(found)} findings of the prechecks")


def plan(planned: Plan, seen: Forecast) -> None:
    """The plan: one row a step, under what it costs and when it will be over; and host by host."""
    rows = words.rows(planned, seen, planned.master)
    table = [dict(zip(words.HEADER, row, strict=True)) for row in rows]
    create_table_artifact(table=table, key="plan", description=costs(planned, seen))
    by_host = markdown(planned, seen, planned.master)
    create_markdown_artifact(
        markdown=by_host, key="plan-by-host", description="Who moves where, host by host"
    )


def tasks_left(text: str) -> None:
    """What a person has to do after a manual run."""
    create_markdown_artifact(markdown=text, key="tasks-left", description="What is left to do, in this order")


def report(text: str, line: str, drawing: str | None = None) -> None:
    """The report of a run, `line` being its first sentence; the drawing (SVG) goes into the page itself."""
    if drawing is not None:
        inline = base64.b64encode(drawing.encode()).decode()
        text = f"{text}\n![{ALT}](data:image/svg+xml;base64,{inline})\n"
    create_markdown_artifact(markdown=text, key="report", description=line)

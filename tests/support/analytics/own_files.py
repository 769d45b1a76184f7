"""Small files as people bring them: transcripts and analyses of their calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

LINES = (
    "Agent: Thank you for calling support, how can I help?",
    "Customer: My internet has been down since Monday.",
    "Agent: I am sorry to hear that. I have reset the line.",
    "Customer: Great, it works again. Bye!",
)
ANALYSIS: dict[str, Any] = {
    "primary_category": "Products and Service",
    "summary": {"issue": "Products and Service", "action": "fixed", "outcome": "resolved"},
    "journey_type": "problem_report",
    "coaching_recommendations": [],
    "csat": 85,
    "churn_risk": 10,
    "quality_score": 90,
    "effectiveness_rating": "excellent",
}
CONTEXT = (
    "[TEMPORAL CONTEXT]\ntimestamp: 2026-01-15T14:30:00\ntime_of_day: afternoon\n"
    "day_of_week: Wednesday\nbusiness_hours: true\nqueue_wait_time_seconds: 120\n"
    "peak_season: false\n\n[CONVERSATION]\n"
)


def lines_of(name: str) -> str:
    """Return a transcript that no other call has."""
    return "\n".join((LINES[0], f"Customer: I am {name} {name * 3}, the router fails.", *LINES[2:]))


class OwnFolders:
    """A folder of transcripts and one of analyses.

    Args:
        root: Above both.
    """

    def __init__(self, root: Path) -> None:
        self.transcripts, self.analyses = root / "transcripts", root / "analyses"
        for folder in (self.transcripts, self.analyses):
            folder.mkdir(parents=True)

    def add(self, name: str, transcript: str | bytes, analysis: dict[str, Any] | str) -> None:
        """Write a call."""
        content = transcript if isinstance(transcript, bytes) else transcript.encode()
        self.put(self.transcripts / f"{name}.txt", content)
        text = analysis if isinstance(analysis, str) else json.dumps(analysis)
        self.put(self.analyses / f"{name}.json", text.encode())

    @staticmethod
    def put(path: Path, content: bytes) -> None:
        """Write a file, with its folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

"""The page `docs/integration.md`, made from messages, topics, settings and the example producers.

python -m stream_app.contract.page > docs/integration.md
"""

import sys

from stream_app.contract.messages import message_sections
from stream_app.contract.producers import producer_section
from stream_app.contract.reading import reading_sections
from stream_app.contract.topics import topic_section
from stream_app.contract.writing import writing_sections

HEAD = """# The contract of producers and readers

Made from the code by `python -m stream_app.contract.page > docs/integration.md`; a test compares.

[connecting.md](connecting.md) leads to a first call. This page is the reference: what stands on
which topic, who writes it and when, and what a reader can rely on. `schemas/json/` has each
message as a JSON Schema (`callstream schemas export` writes them). New fields come at the end and
have a default; a change of meaning is a new version, of the schema (`.v1`) and of the topic.

**Contents**: [Topics](#topics) · [Forms of an audio message](#forms-of-an-audio-message) · [A
call, message by message](#a-call-message-by-message) · [Producers](#producers) · [Reading
results](#reading-results) · [Dead letters](#dead-letters) · [Messages](#messages)
"""


def page() -> str:
    """Return the text of the page."""
    sections = (
        topic_section(),
        *writing_sections(),
        producer_section(),
        *reading_sections(),
        *message_sections(),
    )
    return "\n".join((HEAD, *sections))


if __name__ == "__main__":
    sys.stdout.write(page())

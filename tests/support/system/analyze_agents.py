"""The agents `analyze` and `analyze_live` with a model that answers from words, in a worker.

The model that `analytics.models` names is a file: while it is there, the back-end is away for some
calls.
"""

from pathlib import Path

from stream_app.agents import analyze, analyze_live
from stream_app.agents.definition import AgentDefinition
from stream_app.settings import Settings
from tests.support.analytics.word_analyst import WordAnalyst, WordModels

OF_CALLS = f"{__name__}:define"
OF_TURNS = f"{__name__}:define_live"


def define(settings: Settings) -> AgentDefinition:
    """Return the agent of finalized calls."""
    return analyze.definition_of(settings, _models(settings))


def define_live(settings: Settings) -> AgentDefinition:
    """Return the agent of turns."""
    return analyze_live.definition_of(settings, _models(settings))


def _models(settings: Settings) -> WordModels:
    part = settings.analytics
    return WordModels(WordAnalyst(blocked_by=Path(part.models[part.guide])))

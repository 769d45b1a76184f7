"""Errors that the user of a training can correct."""

from schemas.errors import CallstreamError, ConfigurationError


class RecipeError(ConfigurationError):
    """A recipe, or a setting given on the command line, is wrong."""


class MissingDataError(CallstreamError):
    """The data folder, the shards or the metrics of a run are not there."""


class DivergedTrainingError(CallstreamError):
    """A figure of a step is no finite number: no further step can mend the parameters."""


class LeakingSplitsError(CallstreamError):
    """What is tested on is also trained on."""

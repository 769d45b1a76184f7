"""The project's exceptions: one root, with a flag that says whether trying again helps."""


class CallstreamError(Exception):
    """Root of every expected failure of callstream.

    Attributes:
        retryable: True when the same call may succeed later without a change by the user.
    """

    retryable: bool = False


class MalformedMessageError(CallstreamError):
    """A message that cannot be decoded, or whose content contradicts its type."""


class AudioFormatError(CallstreamError):
    """Audio whose encoding, sample rate, layout or container cannot be processed."""


class InferenceError(CallstreamError):
    """A model failed on an input that it should have accepted."""


class ModelNotFoundError(CallstreamError):
    """The weights that were asked for are not there."""


class ModelIntegrityError(CallstreamError):
    """Weights or a label set differ from what their manifest promises."""


class MissingExtraError(CallstreamError):
    """An optional dependency is needed for what was asked."""


class ConfigurationError(CallstreamError):
    """A setting, recipe or argument that cannot be used as given."""


class BrokerError(CallstreamError):
    """The message broker could not be started, reached or used as configured."""

    retryable = True

"""Settings of the HTTP server `callstream serve`."""

from pydantic import Field, SecretStr, field_serializer, field_validator

from stream_app.settings.part import Part

MAX_BODY_BYTES = 64 * 1024 * 1024


class ApiSettings(Part):
    """The HTTP server `callstream serve`.

    Attributes:
        host: Address to listen on; by default only this machine gets an answer.
        port: To listen on; 0 takes a free one.
        api_key: That a request must bring (``X-API-Key``, or ``Authorization: Bearer``); where
            empty, none is asked for.
        max_body_bytes: Longest body of a request.
        max_batch: Most calls in a request to ``/classifier/classify/batch``.
        max_analyses: Calls that ``/analytics/analyze`` answers or lets wait at the same time; each
            takes seconds, and further ones get 429.
        max_in_flight: Requests that are answered at the same time; further ones get 429.
        feedback_timeout_s: Longest wait for the brokers to make a correction durable.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8_123, ge=0, le=65_535)
    api_key: SecretStr = SecretStr("")
    max_body_bytes: int = Field(default=1_048_576, ge=1_024, le=MAX_BODY_BYTES)
    max_batch: int = Field(default=64, ge=1, le=1_024)
    max_analyses: int = Field(default=16, ge=1, le=1_024)
    max_in_flight: int = Field(default=256, ge=1, le=10_000)
    feedback_timeout_s: float = Field(default=10.0, gt=0)

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, value: SecretStr) -> SecretStr:
        """Drop blanks around the key, such as the line end of a file: no request can bring them.

        Raises:
            ValueError: It is of blanks alone, or has a character that no header can carry.
        """
        key = value.get_secret_value()
        bare = key.strip()
        if (key and not bare) or not (bare.isascii() and bare.isprintable()):
            raise ValueError("api_key must be of printable ASCII characters")
        return SecretStr(bare)

    @field_serializer("api_key", when_used="json")
    def _reveal(self, value: SecretStr) -> str:
        """The supervisor hands the settings to its children through a pipe, as JSON."""
        return value.get_secret_value()

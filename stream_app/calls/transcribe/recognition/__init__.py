"""What a call asks its recognizer for, and what comes back."""

from stream_app.calls.transcribe.recognition.requests import (
    FAILED,
    RecognitionRequest,
    RecognitionResult,
    failed_recognition,
    recognize,
)

__all__ = [
    "FAILED",
    "RecognitionRequest",
    "RecognitionResult",
    "failed_recognition",
    "recognize",
]

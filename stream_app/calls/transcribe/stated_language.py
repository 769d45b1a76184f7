"""Calls whose stated language the weights do not serve: told at once, without a guess."""

from dataclasses import replace

import msgspec

from schemas.audio import CallStarted
from schemas.transcripts import CallSummary
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Effect
from stream_app.calls.language_warning import language_warning
from stream_app.calls.transcribe.recognition.requests import RecognitionResult
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig

WITHHELD = "language"  # why a final has no words, beside the guards' names


class StatedLanguage:
    """What the stated language of a call means for its words.

    Args:
        config: Names the languages that the weights write.
    """

    def __init__(self, config: TranscriberConfig) -> None:
        self._config = config

    def unserved(self, tag: str) -> str:
        """Return the language that a tag states and the weights do not serve; empty for none."""
        return self._config.unserved_language(tag)

    def tell(self, message: CallStarted, counters: CallCounters) -> list[Effect]:
        """Return the warning at the start of such a call, and count it."""
        language = self.unserved(message.context.language)
        if not language:
            return []
        counters.unserved_languages += 1
        languages = self._config.languages
        served = languages[0] if len(languages) == 1 else f"{len(languages)} languages"
        return [language_warning(language, served=served, by="stated")]

    def noted(self, summary: CallSummary) -> CallSummary:
        """Return the summary of a call with the language that is not served, if there is one."""
        language = self.unserved(summary.context.language)
        return msgspec.structs.replace(summary, unserved_language=language) if language else summary

    def labelled(self, result: RecognitionResult) -> RecognitionResult:
        """Return a result under the language that was stated, without words if the settings say so.

        Weights of several languages detect one that they know: their result stays as it is.
        """
        language = self.unserved(result.request.language)
        if not language or len(self._config.languages) > 1:
            return result
        hypothesis = msgspec.structs.replace(result.hypothesis, language=language)
        if not self._config.withholds_words or not (hypothesis.words or result.revised):
            return replace(result, hypothesis=hypothesis)
        hypothesis = msgspec.structs.replace(hypothesis, text="", words=())
        rejected = result.rejected or WITHHELD
        return replace(result, hypothesis=hypothesis, rejected=rejected, revised=())

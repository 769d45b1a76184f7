"""Settings of classification."""

from pydantic import Field

from stream_app.settings.routing import RoutedPart


class ClassificationSettings(RoutedPart):
    """What calls are classified as, and by which models.

    Attributes:
        models: The model of each label set: ``helpline=bundled;shop=/models/shop`` with
            ``bundled``, or the path of a manifest, a folder of one version or of versions.
        label_set: That serves calls which no route fits.
        routes: Which label set serves a call, the first that fits: ``helpline=queue:children;
            contact-centre=tenant:acme`` with ``queue``, ``domain``, or the name of an attribute of
            the call's context.
        threads: Of one run of a model.
        max_batch: Most calls in one run.
        refresh_s: Time between two looks for new files of the models.
        live_every: Turns between two provisional answers of `classify_live`, acknowledgements not
            counted.
        live_words: Latest words of the call that a provisional answer rests on, in whole turns.
    """

    kind = "LABEL_SET"
    default_setting = "label_set"

    label_set: str = "contact-centre"
    threads: int = Field(default=1, ge=1)
    max_batch: int = Field(default=8, ge=1)
    refresh_s: float = Field(default=5.0, gt=0)
    live_every: int = Field(default=4, ge=1)
    live_words: int = Field(default=600, ge=1)

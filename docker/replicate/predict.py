"""The call analytics on Replicate: a call in, its analysis out.

The model, with its manifest, lies in the folder ``model`` of the image. See
docs/deploy_replicate.md.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from cog import BasePredictor, Input

from models.analytics.backends.choice import BackendOptions
from models.analytics.serving.analyst import Analysed, Analyst
from models.analytics.turns import SpokenTurn, TemporalContext
from models.store.files import find_manifests

MODEL = Path(__file__).parents[2] / "model"


class Predictor(BasePredictor):
    """Holds the model; Replicate calls `setup` once and `predict` for each call."""

    def setup(self) -> None:
        """Load the model onto the GPU."""
        (manifest,) = find_manifests(MODEL)
        options = BackendOptions(name="transformers", device="cuda", precision="bfloat16")
        self._analyst = Analyst.load(manifest, options)

    def predict(
        self,
        turns: str = Input(description='JSON: [["agent", "good morning"], ["customer", ..]]'),
        context: str = Input(description="JSON: when the call took place", default="{}"),
    ) -> str:
        """Return the analysis as JSON."""
        call = msgspec.json.decode(turns, type=list[SpokenTurn])
        when = msgspec.json.decode(context, type=TemporalContext)
        (found,) = self._analyst.analyse([(call, when)])
        if not isinstance(found, Analysed):
            raise RuntimeError(found.reason)  # noqa: TRY004 - a failure, not a type
        return msgspec.json.encode(found.analysis).decode()

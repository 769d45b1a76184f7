"""The classification models that the settings name, for whichever process asks them."""

from models.classification.store import ClassificationModels, LabelSetRoute
from stream_app.settings import ClassificationSettings


def load_models(part: ClassificationSettings) -> ClassificationModels:
    """Return the models that the settings name."""
    routes = [
        LabelSetRoute(route.label_set, route.queue, route.domain, route.attributes)
        for route in part.routes
    ]
    return ClassificationModels(
        part.models, default=part.label_set, routes=routes, threads=part.threads
    )

"""A training of an analytics adapter on Modal: one GPU, one volume, resumed where it was stopped.

    modal run docker/modal/train_analytics.py --recipe mistral_7b --corpus runs/analytics/data

See docs/deploy_modal.md.
"""

from __future__ import annotations

from pathlib import Path

import modal

VOLUME_AT = Path("/runs")
CORPUS = "data"


image = modal.Image.from_dockerfile("docker/analytics-cuda.Dockerfile", context_dir=".")
image = image.entrypoint([]).env({"HF_HOME": f"{VOLUME_AT}/hub"})
app = modal.App("callstream-analytics-training")
volume = modal.Volume.from_name("callstream-analytics", create_if_missing=True)


@app.function(
    image=image,
    gpu="A100-80GB",
    timeout=12 * 3600,
    volumes={str(VOLUME_AT): volume},
    secrets=[modal.Secret.from_name("huggingface")],
    retries=3,
)
def train(recipe: str, changes: list[str]) -> str:
    """Train the adapter of a recipe that ships; return its report as Markdown."""
    import training
    from training.analytics.learning.recipe import read_analytics_recipe
    from training.analytics.learning.run import learn_adapter, read_corpus

    recipes = Path(training.__file__).parent / "analytics" / "recipes"
    settings = read_analytics_recipe(recipes / f"{recipe}.toml", changes)
    work = VOLUME_AT / settings.name
    try:
        learn_adapter(settings, read_corpus(VOLUME_AT / CORPUS), work, resume=True)
    finally:
        volume.commit()  # a checkpoint too, from which a retry goes on
    return (work / "report.md").read_text("utf-8")


@app.local_entrypoint()
def main(
    recipe: str = "mistral_7b", corpus: str = "runs/analytics/data", changes: str = ""
) -> None:
    """Upload a prepared corpus and train on it; ``changes`` are ``key=value``, by semicolons."""
    with volume.batch_upload(force=True) as upload:
        for name in ("train.jsonl", "validation.jsonl"):
            upload.put_file(str(Path(corpus) / name), f"/{CORPUS}/{name}")
    print(train.remote(recipe, [each for each in changes.split(";") if each]))

"""The HTTP server of callstream on Modal, with a language model on a GPU.

    modal deploy docker/modal/serve_analytics.py

The model, with its manifest, lies in the folder ``model`` of the volume. See docs/deploy_modal.md.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import modal

VOLUME_AT = Path("/runs")
PORT = 8123
SETTINGS = {
    "CALLSTREAM_API__HOST": "0.0.0.0",  # noqa: S104 - Modal forwards to it
    "CALLSTREAM_API__PORT": str(PORT),
    "CALLSTREAM_ANALYTICS__MODELS": f"contact-centre={VOLUME_AT / 'model'}",
    "CALLSTREAM_ANALYTICS__BACKEND": "transformers",
    "CALLSTREAM_ANALYTICS__DEVICE": "cuda",
}


image = modal.Image.from_dockerfile("docker/analytics-cuda.Dockerfile", context_dir=".")
image = image.entrypoint([]).env({"HF_HOME": f"{VOLUME_AT}/hub"})
app = modal.App("callstream-analytics")
volume = modal.Volume.from_name("callstream-analytics", create_if_missing=True)


@app.function(
    image=image,
    gpu="L4",
    volumes={str(VOLUME_AT): volume},
    secrets=[modal.Secret.from_name("callstream-api")],
    scaledown_window=300,
    timeout=3600,
)
@modal.concurrent(max_inputs=32)
@modal.web_server(PORT, startup_timeout=600)
def serve() -> None:
    """Start the server; ``CALLSTREAM_API__API_KEY`` comes from the secret."""
    subprocess.Popen(["callstream", "serve"], env=os.environ | SETTINGS)  # noqa: S607

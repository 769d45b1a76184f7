"""The back-end that runs the model of a manifest, by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

from models.analytics.backends.openai_server import OpenAiBackend, ServerOptions
from models.fetching.base_model import find_base
from models.fetching.cache import default_models_folder
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from models.analytics.backends.protocol import Backend
    from models.analytics.manifest import AnalyticsManifest

BackendName = Literal["onnx", "llama", "transformers", "mlx", "openai"]
_CONVERTED = "converted"  # folder of the cache of models
_PACKAGE = "models.analytics.backends"
_MODULES = {  # imported when chosen: each needs the packages of an extra, torch among them
    "onnx": ("onnx", "Onnx"),
    "llama": ("llama", "Llama"),
    "transformers": ("transformers_peft", "Transformers"),
    "mlx": ("mlx", "Mlx"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """Which back-end runs a model, and how.

    Attributes:
        name: Of the back-end.
        base: Name or path of the base model in the form that it reads; empty for the manifest's.
        models_folder: Cache of fetched models; the default one where None.
        threads: Of `onnx` and `llama`.
        device: Of `transformers`.
        precision: Of the weights of `transformers`, a type of torch.
        max_batch: Calls of one run of `transformers`.
        timeout_s: For one answer; of `transformers` for one run.
        server: Of `openai`.
    """

    name: BackendName = "onnx"
    base: str = ""
    models_folder: Path | None = None
    threads: int = 1
    device: str = "cpu"
    precision: str = "float32"
    max_batch: int = 8
    timeout_s: float = 120.0
    server: ServerOptions = field(default_factory=lambda: ServerOptions(url=""))


def open_backend(
    path: Path, manifest: AnalyticsManifest, options: BackendOptions, *, context_tokens: int
) -> Backend:
    """Return the loaded model of a manifest.

    Args:
        path: Of the manifest, whose files are verified.
        manifest: With base and adapters.
        options: Which back-end runs it.
        context_tokens: Prompt, template and answer together.

    Raises:
        ConfigurationError: The manifest has no adapter in the form of the back-end.
        MissingExtraError: The back-end is not installed.
        ModelNotFoundError: The base model is not there.
        ModelIntegrityError: The model cannot be loaded.
    """
    if options.name == "openai":
        return OpenAiBackend(options.server)
    adapter = _adapter(path, manifest, options.name)
    sha256 = "" if options.base else manifest.base_sha256
    base = find_base(options.base or manifest.base, sha256, options.models_folder)
    shared: dict[str, Any] = {"base": base, "adapter": adapter, "timeout_s": options.timeout_s}
    on_cpu = {"threads": options.threads, "context_tokens": context_tokens}
    settings: dict[str, dict[str, Any]] = {
        "onnx": {
            **on_cpu,
            "cache": (options.models_folder or default_models_folder()) / _CONVERTED,
        },
        "llama": on_cpu,
        "transformers": {
            "device": options.device,
            "precision": options.precision,
            "max_batch": options.max_batch,
        },
        "mlx": {},
    }
    backend, kind = import_backend(options.name), _MODULES[options.name][1]
    chosen = getattr(backend, f"{kind}Options")(**shared, **settings[options.name])
    return cast("Backend", getattr(backend, f"{kind}Backend")(chosen))


def import_backend(name: BackendName) -> ModuleType:
    """Return the module of a back-end that runs models on this machine.

    Raises:
        MissingExtraError: It is not installed.
    """
    return import_module(f"{_PACKAGE}.{_MODULES[name][0]}")


def _adapter(path: Path, manifest: AnalyticsManifest, name: BackendName) -> Path | None:
    """Return the adapter in the form of a back-end; None for a base that is asked as it is."""
    forms = {
        "onnx": manifest.gguf_adapter,
        "llama": manifest.gguf_adapter,
        "transformers": manifest.peft_folder,
        "mlx": manifest.mlx_folder,
    }
    if forms[name]:
        return path.parent / forms[name]
    if any(forms.values()):
        has = ", ".join(each for each, form in forms.items() if form)
        raise ConfigurationError(
            f"{path} has no adapter for the back-end {name}, but for {has}: use that, or export it "
            "in this form with `callstream train analytics-export`"
        )
    return None

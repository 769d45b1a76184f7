"""Settings of call analytics by a language model."""

from typing import Literal

from pydantic import Field, SecretStr, field_serializer

from stream_app.settings.routing import RoutedPart


class AnalyticsSettings(RoutedPart):
    """What calls say of their service, by which model, and when somebody is told.

    Attributes:
        models: The model of each analysis guide, by the guide's name or path:
            ``contact-centre=bundled;/etc/shop.toml=/models/shop`` with ``bundled``, or the path of
            a manifest, a folder of one version or of versions.
        guide: What calls are asked that no route fits: one of those names or paths.
        routes: Which guide serves a call, the first that fits: ``/etc/shop.toml=queue:shop;
            contact-centre=tenant:acme`` with ``queue``, ``domain``, or the name of an attribute of
            the call's context.
        backend: That runs the model: in the process, or a server with the completion API.
        base: Name or path of the base model, in the form that the back-end reads; empty for that
            of the model's manifest.
        threads: Of the back-ends `onnx` and `llama`.
        nice: How far the agents `analyze` and `analyze_live` stand back for all others on the
            machine: 0 not at all, 19 furthest. Nobody waits for their answers as for words.
        device: Of the back-end `transformers`.
        timeout_s: For one answer; of the back-end `transformers` for one run.
        server_url: Of the back-end `openai`, up to the version: ``http://localhost:8000/v1``.
        server_model: Name by which the server knows the model.
        server_api_key: That the server asks for; empty without.
        server_guidance: How the server is told what an answer may be.
        max_batch: Most calls in one run of the model.
        refresh_s: Time between two looks for new files of the model.
        max_run_s: A run that takes longer ends the process, which is started again.
        calendar: TOML file that says when the contact centre is open and busy; empty for none.
        alert_churn: Least churn risk of a call that raises `high_churn_risk`; 101 raises none.
        alert_quality: Highest quality score that raises `low_quality`; -1 raises none.
        compare_categories: Ask the classifier of the guide's label set too, and count where it
            names another main category.
        live_every: Turns between two provisional answers of `analyze_live`, acknowledgements not
            counted.
    """

    kind = "GUIDE"
    default_setting = "guide"

    guide: str = "contact-centre"
    backend: Literal["onnx", "llama", "transformers", "mlx", "openai"] = "onnx"
    base: str = ""
    threads: int = Field(default=1, ge=1)
    nice: int = Field(default=10, ge=0, le=19)
    device: str = "cpu"
    timeout_s: float = Field(default=120.0, gt=0)
    server_url: str = ""
    server_model: str = ""
    server_api_key: SecretStr = SecretStr("")
    server_guidance: Literal["vllm", "llama", "json_schema", "none"] = "json_schema"
    max_batch: int = Field(default=4, ge=1)
    refresh_s: float = Field(default=5.0, gt=0)
    max_run_s: float = Field(default=600.0, gt=0)
    calendar: str = ""
    alert_churn: int = Field(default=80, ge=0, le=101)
    alert_quality: int = Field(default=30, ge=-1, le=100)
    compare_categories: bool = True
    live_every: int = Field(default=8, ge=1)

    @field_serializer("server_api_key", when_used="json")
    def _reveal(self, value: SecretStr) -> str:
        """The supervisor hands the settings to its children through a pipe, as JSON."""
        return value.get_secret_value()

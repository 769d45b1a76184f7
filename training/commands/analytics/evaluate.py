"""``callstream train analytics-evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from models.analytics.backends.choice import BackendName, BackendOptions
from training.analytics.evaluation.comparison import COMPARISON_MD, write_comparison
from training.analytics.evaluation.report import REPORT_MD
from training.analytics.evaluation.results import read_report
from training.analytics.evaluation.running import (
    EvaluationOptions,
    evaluate_analytics,
    smoke_test,
)
from training.commands.analytics.figures_table import print_outcomes, print_report
from training.commands.analytics.usage import missing_data_is_wrong_usage
from training.commands.options import ANALYTICS_WORK
from training.core.splits import Split

RESULTS_FOLDER = "evaluation"


ModelArgument = Annotated[
    Path | None, typer.Argument(help="Manifest of an adapter, or its folder.")
]
SplitsOption = Annotated[
    Path, typer.Option("--data", help="Folder with the splits, or of a run with data/.")
]
ReportOption = Annotated[
    Path | None, typer.Option("--out", help="For the report; by default DATA/evaluation.")
]
SplitOption = Annotated[Split, typer.Option("--on", help="Split that is measured.")]
SamplesOption = Annotated[
    int, typer.Option("--samples", min=0, help="Calls, spread evenly; 0 takes all.")
]
GenerationsOption = Annotated[
    int, typer.Option("--generations", min=1, help="Answers to each call at a temperature.")
]
TemperatureOption = Annotated[
    float, typer.Option("--temperature", min=0.0, max=2.0, help="Of these answers.")
]
BackendOption = Annotated[BackendName, typer.Option("--backend", help="What runs the model.")]
DeviceOption = Annotated[str, typer.Option("--device", help="Of the back-end transformers.")]
HarperValleyOption = Annotated[
    Path | None,
    typer.Option("--harper-valley", help="Folder of that set; its issues are measured too."),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of bootstrap, samples and noise.")]
CompareOption = Annotated[
    list[Path] | None,
    typer.Option("--compare", help="Report to stand beside this one; may be repeated."),
]
BaseOption = Annotated[bool, typer.Option("--base/--no-base", help="Measure the base model too.")]
PerplexityOption = Annotated[
    bool, typer.Option("--perplexity", help="Of the targets; takes torch and PEFT's adapter.")
]
NoiseOption = Annotated[
    bool, typer.Option("--noise", help="Measure the calls also as a recognizer hears them.")
]
HeldOutOption = Annotated[
    bool, typer.Option("--held-out", help="Measure the calls written by hand too.")
]
SmokeOption = Annotated[
    bool, typer.Option("--smoke", help="Only see whether a few calls get valid answers.")
]


@missing_data_is_wrong_usage()
def evaluate_model(
    model: ModelArgument = None,
    data: SplitsOption = ANALYTICS_WORK,
    out: ReportOption = None,
    split: SplitOption = "test",
    samples: SamplesOption = 0,
    generations: GenerationsOption = 1,
    temperature: TemperatureOption = 0.7,
    backend: BackendOption = "onnx",
    device: DeviceOption = "cpu",
    harper_valley: HarperValleyOption = None,
    seed: SeedOption = 0,
    compare: CompareOption = None,
    *,
    base: BaseOption = True,
    perplexity: PerplexityOption = False,
    noise: NoiseOption = False,
    held_out: HeldOutOption = False,
    smoke: SmokeOption = False,
) -> None:
    """Measure a model that analyses calls: tasks, baselines, validity, speed, plots, report."""
    results = out or data / RESULTS_FOLDER
    reports = {str(path): read_report(path) for path in compare or []}
    if model is None and not reports:
        raise typer.BadParameter("give a model, or two reports or more with --compare")
    if model is not None:
        options = EvaluationOptions(
            backend=BackendOptions(name=backend, device=device),
            split=split,
            samples=samples,
            generations=generations,
            temperature=temperature,
            seed=seed,
            with_base=base,
            with_perplexity=perplexity,
            with_noise=noise,
            with_held_out=held_out,
            harper_valley=harper_valley,
        )
        if smoke:
            outcomes = smoke_test(model, data, options)
            print_outcomes(outcomes)
            raise typer.Exit(0 if all(each.is_valid for each in outcomes) else 1)
        report = evaluate_analytics(model, data, results, options)
        print_report(report)
        typer.echo(str(results / REPORT_MD))
        reports = {"this one": report} | reports
    if compare:
        write_comparison(results, reports)
        typer.echo(str(results / COMPARISON_MD))

"""The table of ``callstream train``: every command is imported when it runs."""

HELP = "Train the bundled models, and models of your own."
COMMANDS = {
    "asr": (
        "training.commands.asr.train:train_asr",
        "Train the small Whisper from scratch, or fine-tune another where the recipe names a base.",
    ),
    "asr-adapt": (
        "training.commands.asr.adapt:adapt_asr",
        "Teach a Whisper to hear short, unpadded telephone audio, by distilling it into itself.",
    ),
    "asr-synthesise": (
        "training.commands.asr.synthesise:synthesise_asr",
        "Make the training speech of a recipe and the evaluation set of unheard voices.",
    ),
    "asr-export": (
        "training.commands.asr.export:export_asr",
        "Write weights as callstream ships them: int8 graphs, with the whole vocabulary or a part.",
    ),
    "asr-convert": (
        "training.commands.asr.convert:convert_asr",
        "Turn Whisper weights of any form into a Hugging Face folder or a file of openai-whisper.",
    ),
    "asr-evaluate": (
        "training.commands.asr.evaluate:evaluate_asr",
        "Measure the weights of a training by themselves: word errors by kind, and silence.",
    ),
    "asr-calibrate": (
        "training.commands.asr.calibrate:calibrate_asr",
        "Fit confidences, whether anybody speaks, word times and the policy's guard.",
    ),
    "asr-revocabulary": (
        "training.commands.asr.revocabulary:revocabulary_asr",
        "Give a checkpoint a vocabulary of another size, built from the run's training texts.",
    ),
    "asr-plot": (
        "training.commands.asr.plot:plot_asr",
        "Draw the curves of a run: losses, and the word error rate of its validations.",
    ),
    "demo-call": (
        "training.commands.demo_call:make_demo_call",
        "Speak the written dialogue of the demo call into a two-channel recording.",
    ),
    "vad": (
        "training.commands.vad:rearrange_vad",
        "Write the bundled voice activity networks from those of the Silero package.",
    ),
    "turns": (
        "training.commands.turns:train_turns",
        "Run the experiment of the turn detection: data, models, evaluation, figures.",
    ),
    "turns-evaluate": (
        "training.commands.turns_evaluate:evaluate_turns",
        "Measure trained models of the turn detection on prepared data, and write their cards.",
    ),
    "turns-export": (
        "training.commands.turns_export:export_turns",
        "Export trained models of the turn detection to ONNX, in fp32 and int8, and compare them.",
    ),
    "classification-prepare": (
        "training.commands.classification.prepare:prepare_classification",
        "Prepare the labelled calls of a recipe: rows, splits, the data report, the leak check.",
    ),
    "classification-check": (
        "training.commands.classification.check:check_classification",
        "Check prepared calls: no text and no group may be in two splits.",
    ),
    "classification": (
        "training.commands.classification.train:train_classification",
        "Train a model that labels calls: data, learning, calibration, figures, card.",
    ),
    "classification-continue": (
        "training.commands.classification.continuation:continue_classification",
        "Train from the version that serves on; keep the next version if it is better.",
    ),
    "classification-evaluate": (
        "training.commands.classification.evaluate:evaluate_classification",
        "Measure a classification model on prepared rows: figures, plots, report.",
    ),
    "classification-export": (
        "training.commands.classification.export:export_classification",
        "Export a trained classification model to ONNX in int8, compare and measure it.",
    ),
    "classification-embeddings": (
        "training.commands.classification.embeddings:embed_classification",
        "Write the category embeddings of an exported model, and report errors by near labels.",
    ),
    "analytics": (
        "training.commands.analytics.train:train_analytics",
        "Train the adapter of a language model that analyses calls: learning, report, curve.",
    ),
    "analytics-prepare": (
        "training.commands.analytics.prepare:prepare_analytics",
        "Prepare the analysed calls of a recipe: one split, all forms, manifest, data report.",
    ),
    "analytics-convert": (
        "training.commands.analytics.convert:convert_analytics",
        "Convert an adapter between PEFT, MLX and GGUF, or a base model to MLX.",
    ),
    "analytics-export": (
        "training.commands.analytics.export:export_analytics",
        "Write the adapter of a run as a version that serves: GGUF, guide, card, manifest.",
    ),
    "analytics-calibrate": (
        "training.commands.analytics.calibrate:calibrate_model",
        "Fit an adapter's confidences to how often it is right, on the validation calls.",
    ),
    "analytics-fuse": (
        "training.commands.analytics.fuse:fuse_analytics",
        "Write a model with an adapter added to its weights: Hugging Face, MLX or GGUF.",
    ),
    "analytics-evaluate": (
        "training.commands.analytics.evaluate:evaluate_model",
        "Measure a model that analyses calls: tasks, baselines, validity, speed, plots, report.",
    ),
    "analytics-keep": (
        "training.commands.analytics.keep:keep_model",
        "Make a new adapter the next version if it is better on the frozen validation set.",
    ),
}

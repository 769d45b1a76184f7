"""The evaluation of classification models: figures, calibration, reports, cards."""

"""Inference: arrays and text in, values out; knows nothing of Kafka."""

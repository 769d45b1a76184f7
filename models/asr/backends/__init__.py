"""Whisper networks on ONNX Runtime, torch, CTranslate2 and MLX, behind one protocol."""

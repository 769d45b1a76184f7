"""LoRA adapters of language models: PEFT, MLX and GGUF forms, conversion, fusing, the bundle."""

"""What runs a language model: llama.cpp, transformers, MLX, or a server elsewhere."""

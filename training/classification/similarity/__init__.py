"""Category embeddings of exported models, and what they say of the model's errors."""

"""Call analytics by a language model: the guide, the prompt, the answer, the back-ends."""

"""False cut-offs against end-of-turn delay, on audio: ours, pure silence and smart-turn."""

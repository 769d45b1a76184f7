"""From audio to words: spectrogram, tokens, greedy decoding with drafts, times of words."""

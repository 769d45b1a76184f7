"""How many words of finalized calls come out wrong, through broker and agents."""

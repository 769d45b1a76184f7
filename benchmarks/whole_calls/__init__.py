"""How many words of whole calls come out wrong, by how the calls are cut and decoded."""

"""Training, a package for each kind of model; each exports weights that ``models`` loads."""

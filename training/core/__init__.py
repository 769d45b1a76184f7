"""What all trainings share: loop, optimisers, devices, recipes, checkpoints, progress."""

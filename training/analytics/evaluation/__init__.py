"""How well a model analyses calls: metrics of every task beside targets and baselines."""

"""What leaves an agent: outputs, checkpoints behind them, alerts, dead letters."""

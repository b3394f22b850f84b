"""Source = lake = RAW = staging, per stream: `lake` and `warehouse` count, `comparison` judges."""

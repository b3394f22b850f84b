"""The provider's history, computed from a seed: the same for every request."""

"""The provider's history, computed from a seed, so that every request sees the same one."""

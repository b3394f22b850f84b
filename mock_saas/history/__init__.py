"""What the provider has to tell, computed from a seed: the same for everyone who asks."""

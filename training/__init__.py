"""Makes candidate models in run folders; never touches the active model."""

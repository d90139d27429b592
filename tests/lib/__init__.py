"""What the behaviour tests share: real mounts, real processes, and their cleaning up."""

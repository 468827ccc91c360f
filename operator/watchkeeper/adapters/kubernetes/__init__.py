"""The Kubernetes API through `kubernetes.aio`: one connection for each process, and the ports on top of it."""

"""A real Kubernetes API on loopback, for the demo and the tests; not part of the product.

``python -m localcluster`` builds the programs and starts or stops a cluster that stays;
`localcluster.controlplane.ControlPlane` starts one that lives as long as the program that asked for it.
"""

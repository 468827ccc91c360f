"""The admission set and RBAC, rendered for a namespace and a ServiceAccount; `manifests/` is generated from it."""

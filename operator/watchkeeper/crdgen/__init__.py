"""CRDs from the pydantic models: `python -m watchkeeper.crdgen` writes `crds/`.

The way of a model: `structural` turns pydantic's JSON Schema into a structural schema, `walker` refuses whatever the
API server would refuse or prune in silence (and a bound or description that is missing), `rules` makes the CEL rules,
`document` puts the whole together.
"""

"""CRDs and reference pages from the models: `python -m watchkeeper.crdgen` writes `crds/` and `docs/reference/`.

The way of a model: `structural` turns pydantic's JSON Schema into a structural schema, `walker` refuses whatever the
API server would refuse or prune in silence (and a bound or description that is missing), `rules` makes the CEL rules,
`document` puts the whole together. `reference` makes the pages for people from the same checked schemas.
"""

"""The kinds of the group `watchkeeper.dev`, as pydantic models; the CRDs are generated from them."""

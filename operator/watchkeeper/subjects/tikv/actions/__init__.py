"""The actions of the catalog, one module each."""

"""The claims of two articles, as tests."""
